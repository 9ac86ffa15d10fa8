"""Forms: errors, unsaved work, one submission at a time, counters, keys."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.agents.models import Agent
from tests.browser.conftest import UNKEPT, let_keep
from tests.factories.rows import rows

pytestmark = pytest.mark.e2e


def _edit(team) -> str:
    return f"{team.list}/{rows(Agent, org_id=team.org.id)[0].id}/edit"


def _asked(page: Page) -> list[str]:
    """Return the list of leave-this-page questions; each is answered with yes."""
    asked: list[str] = []

    def accept(dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    return asked


def test_errors_come_with_a_focused_summary_that_leads_to_the_field(team, visit):
    page = visit(f"{team.list}/new", team.owner)
    page.locator("#description").fill("Kept")
    page.get_by_role("button", name="Create agent").click()
    summary = page.locator("#error-summary")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    summary.get_by_role("link").click()
    name = page.locator("#name")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    described = name.get_attribute("aria-describedby").split()
    assert summary.get_by_role("link").inner_text() in page.locator(f"#{described[-1]}").inner_text()
    expect(page.locator("#description")).to_have_value("Kept")


def test_leaving_asks_only_while_something_is_unsaved(team, visit):
    page = visit(_edit(team), team.owner)
    asked = _asked(page)
    page.locator("#name").press_sequentially("!")
    page.keyboard.press("Backspace")
    page.reload()
    assert asked == []
    page.locator("#name").press_sequentially("!")
    page.reload()
    assert asked == ["beforeunload"]
    page.locator("#name").press_sequentially(" renamed")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("Agent saved.")
    assert asked == ["beforeunload"]


def test_a_form_with_errors_is_unsaved_and_cancel_asks(team, visit):
    page = visit(_edit(team), team.owner)
    asked = _asked(page)
    page.locator("#name").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#error-summary")).to_be_visible()
    assert asked == []
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("h1")).to_have_text("Agent 01")
    assert asked == ["beforeunload"]


def test_a_clean_form_comes_back_from_the_back_forward_cache(team, visit, caching_browser):
    page = visit(team.list, team.owner, caching_browser, expected=UNKEPT)
    let_keep(page)
    page.goto(_edit(team))
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("h1")).to_have_text("Agent 01")
    page.go_back(wait_until="commit")
    expect(page.locator("h1")).to_have_text("Edit Agent 01")
    assert page.evaluate("window.kept === true")


def test_a_second_click_while_sending_is_ignored(team, visit):
    page = visit(f"{team.list}/new", team.owner)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("#name").fill("Only once")
    shown = page.locator("[data-save]").evaluate(
        "(button) => { button.click(); button.click(); return [button.innerText, button.ariaBusy]; }"
    )
    assert shown == ["Saving…", "true"]
    expect(page.locator("h1")).to_have_text("Only once")
    assert len(sent) == 1


def test_limits_are_counted_from_four_fifths(team, visit):
    page = visit(f"{team.list}/new", team.owner)
    counter = page.locator("[data-counter=description]")
    page.locator("#description").fill("x" * 1599)
    expect(counter).to_be_hidden()
    page.locator("#description").fill("x" * 1600)
    expect(counter).to_have_text("400 characters left")


def test_the_save_key_saves_and_ctrl_enter_sends(team, visit):
    page = visit(_edit(team), team.owner)
    page.locator("#name").fill("By Ctrl S")
    page.keyboard.press("Control+s")
    expect(page.locator("h1")).to_have_text("By Ctrl S")
    page.keyboard.press("e")
    expect(page.locator("h1")).to_have_text("Edit By Ctrl S")
    page.locator("#description").fill("By Ctrl Enter")
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("By Ctrl Enter")


def test_an_agent_is_made_with_the_keyboard_alone(team, visit):
    page = visit(team.list, team.owner)
    page.keyboard.press("c")
    expect(page.locator("h1")).to_have_text("New agent")
    page.locator("#main").focus()
    while page.evaluate("document.activeElement.id") != "name":
        page.keyboard.press("Tab")
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Typed")


def test_a_password_is_shown_and_hidden(team, visit):
    page = visit("/sign-in")
    page.locator("#password").fill("a secret phrase")
    button = page.locator("[data-reveal]")
    button.click()
    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_have_text("Hide")
    button.click()
    expect(page.locator("#password")).to_have_attribute("type", "password")
    asked = _asked(page)
    page.goto("/healthz")
    assert asked == []
