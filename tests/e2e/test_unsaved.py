"""Unsaved work, one submission at a time, counters, keys of forms."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import listing
from tests.factories import tools
from tests.support.browser import let_keep

pytestmark = pytest.mark.e2e


def edit(home) -> str:
    return f"{listing(home)}/{home.agent.id}/edit"


def _asked(page: Page) -> list[str]:
    """Return the list of leave-this-page questions; each is answered with yes."""
    asked: list[str] = []

    def accept(dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    return asked


def test_a_form_with_errors_is_unsaved_and_cancel_asks(home, open_as):
    page = open_as(home.owner, edit(home))
    asked = _asked(page)
    page.locator("#name").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#error-summary")).to_be_visible()
    assert asked == []
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("h1")).to_have_text(home.agent.name)
    assert asked == ["beforeunload"]


def test_a_clean_form_comes_back_from_the_back_forward_cache(home, open_as, caching_browser):
    page = open_as(home.owner, listing(home), using=caching_browser)
    let_keep(page)
    page.goto(edit(home))
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("h1")).to_have_text(home.agent.name)
    page.go_back(wait_until="commit")
    expect(page.locator("h1")).to_have_text(f"Edit {home.agent.name}")
    assert page.evaluate("window.kept === true")


def test_a_second_click_while_sending_is_ignored(home, open_as):
    page = open_as(home.owner, f"{listing(home)}/new")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("#name").fill("Only once")
    shown = page.locator("[data-save]").evaluate(
        "(button) => { button.click(); button.click(); return [button.innerText, button.ariaBusy]; }"
    )
    assert shown == ["Saving…", "true"]
    expect(page.locator("h1")).to_have_text("Only once")
    assert len(sent) == 1


def test_a_form_with_a_field_named_method_is_sent_once_and_without_a_question(home, open_as):
    tool = tools.tool(home.org, "https://1.1.1.1/{city}")
    page = open_as(home.owner, f"/o/{home.org.slug}/tools/{tool.id}/edit")
    asked, sent = _asked(page), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("#description").fill("Says something else")
    shown = page.locator("[data-save]").evaluate(
        "(button) => { button.click(); button.click(); return [button.innerText, button.ariaBusy]; }"
    )
    assert shown == ["Saving…", "true"]
    expect(page.locator("h1")).to_have_text(tool.name)
    expect(page.locator("main")).to_contain_text("Says something else")
    assert (asked, len(sent)) == ([], 1)


def test_the_choice_between_two_texts_is_unsaved_until_it_is_made(home, open_as):
    page = open_as(home.owner, edit(home))
    theirs = open_as(home.people["admin"], edit(home))
    theirs.locator("#prompt").fill("their text")
    theirs.get_by_role("button", name="Save").click()
    expect(theirs.locator("h1")).to_have_text(home.agent.name)
    page.locator("#prompt").fill("my text")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Keep mine")).to_be_visible()
    assert page.evaluate("() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    asked = _asked(page)
    page.get_by_role("button", name="Keep mine").click()
    expect(page.locator("h1")).to_have_text(home.agent.name)
    expect(page.locator("main")).to_contain_text("my text")
    assert asked == []


def test_limits_are_counted_from_four_fifths(home, open_as):
    page = open_as(home.owner, f"{listing(home)}/new")
    counter = page.locator("[data-counter=description]")
    page.locator("#description").fill("x" * 1599)
    expect(counter).to_be_hidden()
    page.locator("#description").fill("x" * 1600)
    expect(counter).to_have_text("400 characters left")
    page.locator("#description").evaluate("(field) => (field.maxLength = 100_000)")
    page.locator("#description").fill("x" * 90_000)
    expect(counter).to_have_text("10,000 characters left")


def test_the_save_key_saves_and_ctrl_enter_sends(home, open_as):
    page = open_as(home.owner, edit(home))
    page.locator("#name").fill("By Ctrl S")
    page.keyboard.press("Control+s")
    expect(page.locator("h1")).to_have_text("By Ctrl S")
    page.keyboard.press("e")
    expect(page.locator("h1")).to_have_text("Edit By Ctrl S")
    page.locator("#description").fill("By Ctrl Enter")
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("By Ctrl Enter")


def test_a_password_is_shown_and_hidden(home, open_as):
    page = open_as(None, "/sign-in")
    page.locator("#password").fill("a secret phrase")
    button = page.locator("[data-reveal]")
    expect(button).to_have_accessible_name("Show password")
    button.click()
    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(button).to_have_accessible_name("Hide password")
    expect(button).not_to_have_attribute("aria-pressed", re.compile(""))
    button.click()
    expect(page.locator("#password")).to_have_attribute("type", "password")
    asked = _asked(page)
    page.goto("/healthz")
    assert asked == []
