"""Selecting rows of a list, acting on them, and the keys that walk them."""

import pytest
from playwright.sync_api import Page, expect

from app.agents.models import Agent
from tests.factories.rows import rows

pytestmark = pytest.mark.e2e

ROWS = "#results tbody tr"
HEAD = "#select-all"


def _box(page: Page, number: int):
    return page.locator(ROWS).nth(number).get_by_role("checkbox")


def _head(page: Page) -> list[bool]:
    return page.locator(HEAD).evaluate("(box) => [box.checked, box.indeterminate]")


def _active(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent")


def test_the_header_box_has_three_states_and_the_count_is_told(team, visit):
    page = visit(team.list, team.owner)
    _box(page, 1).check()
    assert _head(page) == [False, True]
    expect(page.locator("#status")).to_have_text("1 selected")
    page.locator(HEAD).click()
    assert _head(page) == [True, False]
    expect(page.locator("[data-bulk-count]")).to_have_text("20 selected")
    expect(page.locator("[data-bulk-all]")).to_contain_text("45")
    page.locator(HEAD).click()
    assert _head(page) == [False, False]
    expect(page.locator("#status")).to_have_text("Selection cleared")
    expect(page.locator(".bulk-bar")).to_be_hidden()


def test_shift_click_takes_a_range(team, visit):
    page = visit(team.list, team.owner)
    _box(page, 2).click()
    _box(page, 6).click(modifiers=["Shift"])
    expect(page.locator("[data-bulk-count]")).to_have_text("5 selected")
    _box(page, 4).click(modifiers=["Shift"])
    expect(page.locator("[data-bulk-count]")).to_have_text("2 selected")


def test_keys_walk_select_and_open_rows(team, visit):
    page = visit(team.list, team.owner)
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert _active(page) == "Agent 44"
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("#status")).to_have_text("3 selected")
    page.keyboard.press("Escape")
    expect(page.locator("#status")).to_have_text("Selection cleared")
    page.keyboard.press("k")
    assert _active(page) == "Agent 43"
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Agent 43")


def test_rows_are_archived_and_taken_back(team, visit):
    page = visit(team.list, team.owner)
    _box(page, 0).check()
    _box(page, 1).check()
    page.get_by_role("button", name="Archive").click()
    toast = page.locator("#toasts [data-toast]")
    expect(toast).to_contain_text("2 archived")
    expect(page.locator(".pager-count")).to_have_text("1–20 of 43")
    assert page.evaluate("document.activeElement !== document.body")
    assert len(rows(Agent, org_id=team.org.id, archived=True)) == 2
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".pager-count")).to_have_text("1–20 of 45")
    assert rows(Agent, org_id=team.org.id, archived=True) == []


def test_all_that_match_are_confirmed_on_a_page(team, visit):
    page = visit(f"{team.list}?model=small", team.owner)
    page.locator(HEAD).check()
    page.locator("[data-bulk-all] input").check()
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("h1")).to_contain_text("Archive all agents that match")
    page.get_by_role("button", name="Archive 30").click()
    expect(page.locator("#toasts")).to_contain_text("30 archived")


def test_a_row_that_is_gone_on_unticking_is_not_taken_along(team, visit):
    page = visit(team.list, team.owner)
    page.locator(HEAD).check()
    page.locator("[data-bulk-all] input").check()
    _box(page, 3).uncheck()
    expect(page.locator("[data-bulk-all]")).to_be_hidden()
    assert not page.locator("[data-bulk-all] input").is_checked()
