"""The editor saves itself; without scripts its button does."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import listing
from tests.factories.rows import stored

pytestmark = pytest.mark.e2e
SAVED = re.compile(r"Saved \d\d:\d\d")


def edit(home) -> str:
    return f"{listing(home)}/{home.agent.id}/edit"


def state(page):
    return page.locator("[data-save-state]")


def test_what_is_written_is_saved_and_lost_no_more(home, open_as):
    page = open_as(home.owner, edit(home))
    page.locator("#prompt").fill("Written in the browser")
    expect(state(page)).to_have_text(SAVED)
    assert (stored(home.agent).prompt, stored(home.agent).lock_version) == ("Written in the browser", 2)
    expect(page.locator("#lock-version")).to_have_value("2")
    expect(page.locator("#autosaved")).to_contain_text("Draft differs from version 1.")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("h1")).to_have_text(home.agent.name)
    assert asked == []


def test_the_button_saves_what_came_after(home, open_as):
    page = open_as(home.owner, edit(home))
    page.locator("#prompt").fill("First")
    expect(state(page)).to_have_text(SAVED)
    page.locator("#prompt").fill("Second")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("Agent saved.")
    assert (stored(home.agent).prompt, stored(home.agent).lock_version) == ("Second", 3)


def test_the_button_waits_for_a_save_that_is_under_way(home, open_as):
    page = open_as(home.owner, edit(home))
    held = []
    page.route("**/draft", lambda route: held.append(route))  # noqa: PLW0108 - a wrapper is set on it
    page.locator("#prompt").fill("Second")
    expect(state(page)).to_have_text("Saving…")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text(f"Edit {home.agent.name}")
    held[0].continue_()
    expect(page.locator("#toasts")).to_contain_text("Agent saved.")
    assert stored(home.agent).prompt == "Second"


def test_wrong_values_and_anothers_change_are_told(home, open_as):
    page = open_as(home.owner, edit(home), expected=("409", "422"))
    page.locator("#name").fill("")
    expect(page.locator("#autosaved")).to_contain_text("Enter a name for the agent.")
    expect(state(page)).to_have_text("Not saved")
    other = open_as(home.people["member"], edit(home))
    other.locator("#description").fill("Theirs")
    other.get_by_role("button", name="Save").click()
    expect(other.locator("#toasts")).to_contain_text("Agent saved.")
    page.locator("#name").fill("Mine")
    expect(page.locator("#theirs-description")).to_have_text("Theirs", timeout=15_000)
    expect(state(page)).to_have_text("Changed elsewhere")
    assert page.locator("#name").input_value() == "Mine"
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("button", name="Keep mine").click()
    expect(page.locator("h1")).to_have_text("Mine")
    assert asked == []


def test_without_scripts_the_button_saves_and_publishes(home, open_as):
    page = open_as(home.owner, edit(home), java_script_enabled=False)
    page.locator("#prompt").fill("Without scripts")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text(home.agent.name)
    page.get_by_role("link", name="Publish").click()
    page.locator("#note").fill("By hand")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("main")).to_contain_text("Published as version 2.")
    page.get_by_role("link", name="All versions").click()
    page.get_by_role("link", name="Version 1").click()
    page.get_by_role("button", name="Restore into the draft").click()
    expect(page.locator("#toasts")).to_contain_text("Version 1 is the draft now.")
