"""Swaps of a list: where the focus goes, what waiting and failure look like, Back."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import listing

pytestmark = pytest.mark.e2e

ROWS = "#results tbody tr"
MOVED = """() => {
  window.moved = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.moved += entry.value; })
    .observe({ type: "layout-shift" });
}"""


def _entries(page: Page) -> int:
    return page.evaluate("history.length")


def _expect_focus(page: Page, name: str) -> None:
    """Focus is put right a moment after the rows are in."""
    expect(page.locator(f"#{name}")).to_be_focused()


def _hold(page: Page, pattern: re.Pattern[str]) -> list[Route]:
    """Return a list of the requests that wait for their test to continue them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(pattern, hold)
    return held


def test_the_page_size_replaces_the_entry(home, open_as):
    page = open_as(home.owner, listing(home))
    entries = _entries(page)
    page.locator("#per").focus()
    page.locator("#per").select_option("50")
    expect(page.locator(ROWS)).to_have_count(46)
    assert _entries(page) == entries
    _expect_focus(page, "per")


def test_paging_scrolls_to_the_list_and_the_link_keeps_the_focus(home, open_as):
    page = open_as(home.owner, listing(home), viewport={"width": 1280, "height": 500})
    page.locator("#page-next").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pager-count")).to_have_text("21–40 of 46")
    _expect_focus(page, "page-next")
    assert page.locator("#results").evaluate("(region) => region.getBoundingClientRect().top") >= 0
    expect(page.locator(ROWS).first).to_be_in_viewport()


def test_removing_chips_leads_to_the_next_then_to_clear_then_to_the_list(home, open_as):
    page = open_as(home.owner, f"{listing(home)}?q=Agent&model=model-1&status=enabled")
    for chip, focus in [("#chip-1", "chip-1"), ("#chip-2", "chips-clear"), ("#chip-1", "results")]:
        count = page.locator(".chip").count()
        page.locator(chip).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".chip")).to_have_count(count - 1)
        _expect_focus(page, focus)
    assert page.locator("#q").input_value() == ""


def test_waiting_is_shown_and_moves_nothing(home, open_as):
    page = open_as(home.owner, listing(home))
    page.evaluate(MOVED)
    held = _hold(page, re.compile("sort=name"))
    page.locator("#sort-name").click()
    assert page.locator("#results").get_attribute("aria-busy") == "true"
    expect(page.locator("#progress")).to_be_visible(timeout=400)
    held[0].continue_()
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#progress")).to_be_hidden()
    assert page.evaluate("window.moved") == 0


def test_of_two_acts_at_once_the_last_one_counts(home, open_as):
    page = open_as(home.owner, listing(home))
    held = _hold(page, re.compile("sort=name"))
    page.locator("#sort-name").click()
    page.locator("#page-next").click()
    expect(page.locator(".pager-count")).to_have_text("21–40 of 46")
    assert len(held) == 1
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#progress")).to_be_hidden()


def test_a_failure_leaves_the_rows_and_offers_retry(home, open_as):
    page = open_as(home.owner, listing(home), expected=["503"])
    page.route(re.compile("sort=name"), lambda route: route.fulfill(status=503, body=""), times=1)
    page.locator("#sort-name").click()
    alert = page.locator("#failed")
    expect(alert).to_have_role("alert")
    expect(alert).to_contain_text("503")
    expect(page.locator(ROWS)).to_have_count(20)
    alert.get_by_role("button", name="Retry").click()
    expect(page).to_have_url(re.compile("sort=name"))
    expect(alert).to_have_count(0)


def test_back_between_states_shows_each_state(home, open_as):
    page = open_as(home.owner, listing(home))
    page.locator("#sort-name").click()
    expect(page).to_have_url(re.compile("sort=name"))
    page.locator("#page-next").click()
    expect(page.locator(ROWS).first).to_contain_text("Agent 21")
    page.go_back()
    expect(page.locator(ROWS).first).to_contain_text("Agent 01")
    expect(page.locator("h1")).to_have_text("Agents")


def test_without_a_connection_the_rows_stay_until_retry(home, open_as):
    page = open_as(home.owner, listing(home), expected=["ERR_INTERNET_DISCONNECTED", "htmx:sendError"])
    page.context.set_offline(True)
    page.locator("#sort-name").click()
    expect(page.locator("#failed")).to_contain_text("No connection")
    expect(page.locator(ROWS)).to_have_count(20)
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(page).to_have_url(re.compile("sort=name"))


def test_retry_does_what_the_button_that_was_pressed_does(home, open_as):
    page = open_as(home.owner, listing(home), expected=["ERR_INTERNET_DISCONNECTED", "htmx:sendError"])
    page.get_by_role("checkbox", name="Select Agent 01").check()
    page.context.set_offline(True)
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("#failed")).to_contain_text("No connection")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#toasts")).to_contain_text("1 archived.")
    expect(page.locator("#failed")).to_have_count(0)
    _expect_focus(page, "results")
