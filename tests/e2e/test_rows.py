"""Selecting rows of a list and acting on them."""

import pytest
from playwright.sync_api import Page, expect

from app.agents.models import Agent
from tests.e2e.conftest import listing
from tests.factories import agents, auth, orgs
from tests.factories.rows import rows
from tests.support.browser import NARROW

pytestmark = pytest.mark.e2e

ROWS = "#results tbody tr"
HEAD = "#select-all"


def _box(page: Page, number: int):
    return page.locator(ROWS).nth(number).get_by_role("checkbox")


def _head(page: Page) -> list[bool]:
    return page.locator(HEAD).evaluate("(box) => [box.checked, box.indeterminate]")


def test_the_header_box_has_three_states_and_the_count_is_told(home, open_as):
    page = open_as(home.owner, listing(home))
    _box(page, 1).check()
    assert _head(page) == [False, True]
    expect(page.locator("#status")).to_have_text("1 selected")
    page.locator(HEAD).click()
    assert _head(page) == [True, False]
    expect(page.locator("[data-bulk-count]")).to_have_text("20 selected")
    expect(page.locator("[data-bulk-all]")).to_contain_text("46")
    page.locator(HEAD).click()
    assert _head(page) == [False, False]
    expect(page.locator("#status")).to_have_text("Selection cleared")
    expect(page.locator(".bulk-bar")).to_be_hidden()


def test_rows_are_archived_and_taken_back(home, open_as):
    page = open_as(home.owner, listing(home))
    _box(page, 0).check()
    _box(page, 1).check()
    page.get_by_role("button", name="Archive").click()
    toast = page.locator("#toasts [data-toast]")
    expect(toast).to_contain_text("2 archived")
    expect(page.locator(".pager-count")).to_have_text("1–20 of 44")
    page.wait_for_function("() => document.activeElement !== document.body")
    assert len(rows(Agent, org_id=home.org.id, archived=True)) == 2
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".pager-count")).to_have_text("1–20 of 46")
    assert rows(Agent, org_id=home.org.id, archived=True) == []


def test_all_that_match_are_confirmed_on_a_page(home, open_as):
    page = open_as(home.owner, f"{listing(home)}?q=Agent")
    page.locator(HEAD).check()
    page.locator("[data-bulk-all] input").check()
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("h1")).to_contain_text("Archive all agents that match")
    page.get_by_role("button", name="Archive 46").click()
    expect(page.locator("#toasts")).to_contain_text("46 archived")


def test_unticking_a_row_takes_back_the_choice_of_all_that_match(home, open_as):
    page = open_as(home.owner, listing(home))
    page.locator(HEAD).check()
    page.locator("[data-bulk-all] input").check()
    _box(page, 3).uncheck()
    expect(page.locator("[data-bulk-all]")).to_be_hidden()
    assert not page.locator("[data-bulk-all] input").is_checked()


def test_the_actions_of_a_narrow_row_cover_no_name(site, open_as):
    admin = auth.platform_admin()
    orgs.org(name="A long name that needs the whole width of a card " * 2)
    page = open_as(admin, "/platform/orgs?q=whole", viewport={"width": NARROW, "height": 800})
    name = page.locator(f"{ROWS} th").bounding_box()
    button = page.locator(f"{ROWS} td button").bounding_box()
    assert button["y"] >= name["y"] + name["height"]
    assert name["width"] > NARROW * 0.8


def test_p14_rows_that_were_skipped_are_named_and_stay_ticked(home, open_as):
    agents.agent(home.org, name="A way off", archived=True)
    page = open_as(home.owner, f"{listing(home)}?status=archived&status=enabled&sort=name")
    _box(page, 1).check()
    page.get_by_role("row", name="A way off").get_by_role("checkbox").check()
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("#results [role=alert], #results .inline-alert").first).to_contain_text(
        "A way off is archived"
    )
    expect(page.locator("#results [name=ids]:checked")).to_have_count(1)
    expect(page.get_by_role("row", name="A way off").get_by_role("checkbox")).to_be_checked()
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")


def test_keys_walk_the_list_that_a_record_was_opened_from(home, open_as):
    page = open_as(home.owner, f"{listing(home)}?q=agent&sort=name&per=20")
    page.locator("#results [rel=next]").first.click()
    expect(page.locator(".pager-count")).to_have_text("21–40 of 46")
    page.get_by_role("link", name="Agent 21").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Agent 21")
    page.wait_for_load_state("networkidle")
    for key, name in (("]", "Agent 22"), ("[", "Agent 21"), ("[", "Agent 20")):
        page.keyboard.press(key)
        expect(heading).to_have_text(name)
        page.wait_for_load_state("networkidle")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").click()
    expect(page.locator(".pager-count")).to_have_text("21–40 of 46")
