"""The list of threads in Chromium: filters, search in messages, tags, keys."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.threads.models import Thread
from tests.e2e.conftest import go_by_keys
from tests.factories import threads
from tests.factories.rows import rows
from tests.support.browser import NARROW
from tests.support.database import as_owner

pytestmark = pytest.mark.e2e
MANY = text("""
    INSERT INTO threads (id, org_id, user_id, name, origin)
    SELECT gen_random_uuid(), :org, :user, 'Old question ' || i, 'api' FROM generate_series(1, 10000) i
""")
ROWS = "#results tbody th[scope=row] a"


@pytest.fixture
def page(open_as, home):
    for number in range(30):
        thread = threads.thread(home.org, home.people["member"], name=f"Question {number:02}", origin="api")
        if number < 2:
            threads.message(thread, "the parcel arrived broken")
    return open_as(home.owner, f"/o/{home.org.slug}/threads")


def shown(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(ROWS).all_inner_texts()]


def test_p01_every_state_of_the_threads_is_in_the_address(page, open_as, home):
    page.get_by_text("More filters").click()
    page.get_by_role("button", name="Origin").click()
    page.get_by_role("checkbox", name="API", exact=True).check()
    expect(page).to_have_url(re.compile("origin=api"))
    page.keyboard.press("Escape")
    page.locator("main [name=q]").fill("question")
    expect(page).to_have_url(re.compile("q=question&origin=api"))
    page.locator("#results thead a", has_text="Messages").click()
    expect(page).to_have_url(re.compile("sort=messages"))
    page.locator("#results [rel=next]").click()
    expect(page.locator("#results")).to_contain_text("21–30 of 30")
    assert shown(open_as(home.owner, page.url)) == shown(page)
    page.get_by_role("link", name="Remove filter Origin: API").click()
    expect(page).not_to_have_url(re.compile("origin"))
    expect(page.locator("[role=status]").first).to_contain_text("30 threads, sorted by messages")


def test_seldom_asked_filters_are_folded_until_one_is_in_force(page, look):
    folded = page.get_by_role("button", name="Origin")
    expect(page.get_by_role("button", name="Errors")).to_be_visible()
    expect(folded).to_be_hidden()
    page.get_by_role("button", name="Last activity").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search in")).to_be_focused()
    page.goto(f"{page.url}?origin=api")
    expect(folded).to_be_visible()
    look(page, "folded filters")
    page.get_by_role("link", name="Remove filter Origin: API").click()
    expect(page).not_to_have_url(re.compile("origin"))
    expect(folded).to_be_hidden()


def test_p07_folded_filters_are_applied_without_scripts(open_as, home, page):
    plain = open_as(home.owner, page.url, java_script_enabled=False)
    plain.get_by_text("More filters").click()
    plain.get_by_role("button", name="Messages").click()
    plain.locator("#filter-messages-from").fill("1")
    plain.locator("#filter-messages-menu").get_by_role("button", name="Apply").click()
    expect(plain.get_by_role("link", name=re.compile("Remove filter Messages"))).to_be_visible()
    expect(plain.locator("#results")).to_contain_text("of 3")
    expect(plain.get_by_role("button", name="Messages")).to_be_visible()


def test_words_in_no_name_lead_to_the_search_in_messages(page):
    page.locator("main [name=q]").fill("arrived broken")
    page.get_by_role("link", name="Search in messages").click()
    expect(page).to_have_url(re.compile("q=arrived\\+broken&in=messages"))
    assert sorted(shown(page)) == ["Question 00", "Question 01"]


def test_messages_are_searched_when_asked_for(page):
    page.get_by_text("More filters").click()
    page.get_by_role("button", name="Search in").click()
    page.get_by_role("radio", name="Messages").check()
    expect(page).to_have_url(re.compile("in=messages"))
    page.keyboard.press("Escape")
    page.locator("main [name=q]").fill('"arrived broken"')
    expect(page.locator("#results")).to_contain_text("1–2 of 2")
    assert sorted(shown(page)) == ["Question 00", "Question 01"]


def test_p14_ticked_threads_are_tagged_and_changed_back(page, home):
    for box in page.locator("#results [name=ids]").all()[:2]:
        box.check()
    page.get_by_label("Tag", exact=True).fill("vip")
    page.get_by_role("button", name="Add tag").click()
    expect(page.locator("#toasts")).to_contain_text("2 tagged.")
    assert len([row for row in rows(Thread, org_id=home.org.id) if "vip" in row.tags]) == 2
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("2 restored.")
    assert not [row for row in rows(Thread, org_id=home.org.id) if "vip" in row.tags]


def test_a_refused_bulk_change_leaves_the_list_and_what_is_ticked(page):
    box = page.locator("#results [name=ids]").first
    box.check()
    page.get_by_label("Tag", exact=True).fill("-vip")
    page.get_by_role("button", name="Add tag").click()
    expect(page.locator("#toasts")).to_contain_text("does not begin with a minus")
    assert len(shown(page)) == 20
    expect(box).to_be_checked()
    expect(page.get_by_label("Tag", exact=True)).to_have_value("-vip")


def test_g_t_leads_to_the_threads_from_anywhere(page, home):
    page.goto(f"/o/{home.org.slug}/agents")
    go_by_keys(page, "gt", "Threads")


def test_p13_columns_are_chosen_and_stay(page):
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Cost", exact=True).check()
    expect(page.locator("#results thead")).to_contain_text("Cost")
    page.reload()
    expect(page.locator("#results thead")).to_contain_text("Cost")


def test_a_list_too_long_to_wait_for_is_written_by_a_worker(page, home, open_as):
    with as_owner() as session:
        session.execute(MANY, {"org": home.org.id, "user": home.owner.id})
    page.get_by_role("button", name="Export").click()
    page.get_by_role("link", name="CSV, shown columns").click()
    expect(page.locator("h1")).to_have_text("Export threads")
    page.get_by_role("button", name="Write the file").click()
    expect(page.locator("h1")).to_contain_text("Export of threads")
    link = page.get_by_role("link", name=re.compile("Download threads-.*csv"))
    expect(link).to_be_visible(timeout=30_000)
    with page.expect_download() as begun:
        link.click()
    assert len(begun.value.path().read_text(encoding="utf-8-sig").splitlines()) == 1 + 10_000 + 31


def test_a_bulk_change_of_a_scrolled_list_of_cards_leaves_the_page_where_it_is(page):
    page.set_viewport_size({"width": NARROW, "height": 800})
    page.locator("#results tbody [type=checkbox]").nth(2).check()
    page.evaluate("scrollTo(0, 500)")
    expect(page.locator(".bulk-bar")).to_be_in_viewport()
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("#results")).to_contain_text("of 30")
    assert abs(page.evaluate("scrollY") - 500) < 50
