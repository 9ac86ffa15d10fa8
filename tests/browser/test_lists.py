"""The list of agents: search, filters, paging, waiting, failure, Back."""

import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

pytestmark = pytest.mark.e2e

ROWS = "#results tbody tr"
MOVED = """() => {
  window.moved = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.moved += entry.value; })
    .observe({ type: "layout-shift" });
}"""


def _entries(page: Page) -> int:
    return page.evaluate("history.length")


def _focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def _asked(page: Page) -> list[Request]:
    """Return a list that grows with what the page's scripts ask for."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.resource_type == "xhr" else None)
    return asked


def _held(page: Page, pattern: str) -> list[Route]:
    """Return a list of the requests that wait for their test to continue them."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))
    return held


def test_search_is_debounced_keeps_the_caret_and_adds_no_history(team, visit):
    page = visit(team.list, team.owner)
    entries, asked = _entries(page), _asked(page)
    page.locator("#q").press_sequentially("Agent 07", delay=60)
    expect(page.locator(ROWS)).to_have_count(1)
    assert len(asked) <= 2
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("1")
    expect(page.locator("#results")).to_contain_text("No agents match")
    assert page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["q", 8]
    assert _entries(page) == entries
    expect(page).to_have_url(re.compile(r"q=Agent\+017"))
    expect(page.locator("#status")).to_have_text(re.compile("No agents match"))


def test_an_answer_that_was_overtaken_is_dropped(team, visit):
    page = visit(team.list, team.owner)
    failed: list[Request] = []
    page.on("requestfailed", lambda request: failed.append(request))
    held = _held(page, re.compile(r"q=Agent%200(&|$)"))
    page.locator("#q").press_sequentially("Agent 0")
    page.wait_for_timeout(400)
    assert len(held) == 1
    page.locator("#q").fill("Agent 12")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("Agent 12")
    assert [request.url for request in failed] == [held[0].request.url]
    assert _focused(page) == "q"


def test_each_control_adds_one_entry_and_keeps_the_focus(team, visit):
    page = visit(team.list, team.owner)
    steps = [
        ("#sort-name", "sort=name", "sort-name"),
        ("#filter-model", "model=small", "filter-model"),
        ("#page-next", "after=", "results"),
    ]
    for control, address, focus in steps:
        entries = _entries(page)
        page.locator(control).focus()
        if control == "#filter-model":
            page.locator(control).select_option("small")
        else:
            page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(address))
        page.wait_for_timeout(100)
        assert _entries(page) == entries + 1
        assert _focused(page) == focus
    expect(page.locator("#status")).to_have_text(re.compile("30 agents"))


def test_the_page_size_replaces_the_entry(team, visit):
    page = visit(team.list, team.owner)
    entries = _entries(page)
    page.locator("#per").focus()
    page.locator("#per").select_option("50")
    expect(page.locator(ROWS)).to_have_count(45)
    assert _entries(page) == entries
    assert _focused(page) == "per"


def test_paging_scrolls_to_the_list_and_the_link_keeps_the_focus(team, visit):
    page = visit(team.list, team.owner, viewport={"width": 1280, "height": 500})
    page.locator("#page-next").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pager-count")).to_have_text("21–40 of 45")
    page.wait_for_timeout(100)
    assert _focused(page) == "page-next"
    assert page.locator("#results").evaluate("(region) => region.getBoundingClientRect().top") >= 0
    expect(page.locator(ROWS).first).to_be_in_viewport()


def test_removing_chips_leads_to_the_next_then_to_clear_then_to_the_list(team, visit):
    page = visit(f"{team.list}?q=Agent&model=small&status=enabled", team.owner)
    for chip, focus in [("#chip-1", "chip-1"), ("#chip-2", "chips-clear"), ("#chip-1", "results")]:
        count = page.locator(".chip").count()
        page.locator(chip).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".chip")).to_have_count(count - 1)
        page.wait_for_timeout(100)
        assert _focused(page) == focus
    assert page.locator("#q").input_value() == ""


def test_waiting_is_shown_and_moves_nothing(team, visit):
    page = visit(team.list, team.owner)
    page.evaluate(MOVED)
    held = _held(page, re.compile("sort=name"))
    page.locator("#sort-name").click()
    assert page.locator("#results").get_attribute("aria-busy") == "true"
    expect(page.locator("#progress")).to_be_visible(timeout=400)
    held[0].continue_()
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#progress")).to_be_hidden()
    assert page.evaluate("window.moved") == 0


def test_a_failure_leaves_the_rows_and_offers_retry(team, visit):
    page = visit(team.list, team.owner, expected=["503"])
    page.route(re.compile("sort=name"), lambda route: route.fulfill(status=503, body=""), times=1)
    page.locator("#sort-name").click()
    alert = page.locator("#failed")
    expect(alert).to_have_role("alert")
    expect(alert).to_contain_text("503")
    expect(page.locator(ROWS)).to_have_count(20)
    alert.get_by_role("button", name="Retry").click()
    expect(page).to_have_url(re.compile("sort=name"))
    expect(alert).to_have_count(0)


def test_back_from_a_record_restores_the_list(team, visit, browser, caching_browser):
    for chromium in (browser, caching_browser):
        page = visit(team.list, team.owner, chromium, viewport={"width": 1280, "height": 500})
        page.locator("#page-next").click()
        expect(page.locator(".pager-count")).to_have_text("21–40 of 45")
        first = page.locator(ROWS).first.inner_text()
        page.evaluate("window.scrollTo(0, 400)")
        page.locator(ROWS).nth(10).get_by_role("link").click()
        expect(page.locator("h1")).to_have_text(re.compile("Agent "))
        page.go_back()
        expect(page.locator("h1")).to_have_text("Agents")
        assert page.locator(ROWS).first.inner_text() == first
        page.wait_for_function("Math.abs(window.scrollY - 400) <= 50")


def test_back_between_states_shows_each_state(team, visit):
    page = visit(team.list, team.owner)
    page.locator("#sort-name").click()
    expect(page.locator(ROWS).first).to_contain_text("Agent 01")
    page.locator("#page-next").click()
    expect(page.locator(ROWS).first).to_contain_text("Agent 21")
    page.go_back()
    expect(page.locator(ROWS).first).to_contain_text("Agent 01")
    expect(page.locator("h1")).to_have_text("Agents")


def test_rows_are_links(team, visit):
    page = visit(team.list, team.owner)
    with page.context.expect_page() as opened:
        page.locator(ROWS).first.get_by_role("link").click(modifiers=["Control"])
    expect(opened.value.locator("h1")).to_have_text("Agent 45")
    assert page.url.endswith("/agents")


def test_without_a_connection_the_rows_stay_until_retry(team, visit):
    page = visit(team.list, team.owner, expected=["ERR_INTERNET_DISCONNECTED", "htmx:sendError"])
    page.context.set_offline(True)
    page.locator("#sort-name").click()
    expect(page.locator("#failed")).to_contain_text("No connection")
    expect(page.locator(ROWS)).to_have_count(20)
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(page).to_have_url(re.compile("sort=name"))
