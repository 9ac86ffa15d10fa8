"""Lists in Chromium: the address is the state, stale answers are dropped, focus and place are kept."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.factories import orgs

pytestmark = pytest.mark.e2e

FOCUS = "() => document.activeElement?.id || document.activeElement?.textContent.trim()"


def rows(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#results tbody th[scope=row] a").all_inner_texts()]


def history(page: Page) -> int:
    return page.evaluate("() => history.length")


@pytest.fixture
def page(open_as, home):
    return open_as(home.owner, f"/o/{home.org.slug}/agents")


def test_p01_every_state_is_in_the_address(open_as, home, page):
    page.locator("main [name=q]").fill("agent")
    expect(page).to_have_url(re.compile("q=agent"))
    page.locator("#results thead a", has_text="Name").click()
    expect(page).to_have_url(re.compile("sort=name"))
    page.locator("#results [rel=next]").first.click()
    expect(page).to_have_url(re.compile("after="))
    expect(page.locator("#results")).to_contain_text("21–40")
    again = open_as(home.owner, page.url)
    assert rows(again) == rows(page)


def test_p02_typing_asks_once_and_only_the_last_answer_shows(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    field = page.locator("main [name=q]")
    field.press_sequentially("agent 01", delay=60)
    expect(page.locator("#results tbody tr")).to_have_count(1)
    assert len(asked) <= 2
    assert page.evaluate("() => document.activeElement.name") == "q"
    assert page.evaluate("() => document.activeElement.selectionStart") == len("agent 01")


def test_p02_an_answer_that_was_overtaken_is_dropped(page):
    held = []

    def hold(route):
        if not held:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("q="), hold)
    field = page.locator("main [name=q]")
    field.fill("agent 02")
    page.wait_for_timeout(400)
    field.fill("agent 03")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    page.unroute_all(behavior="ignoreErrors")
    assert rows(page) == ["Agent 03"]
    assert page.evaluate("() => document.activeElement.name") == "q"


def test_p03_typing_adds_no_history_and_a_choice_adds_one(page):
    before = history(page)
    page.locator("main [name=q]").fill("agent")
    expect(page).to_have_url(re.compile("q=agent"))
    assert history(page) == before
    page.get_by_role("button", name="Status", exact=True).click()
    page.get_by_role("checkbox", name="Archived", exact=True).check()
    expect(page).to_have_url(re.compile("status=archived"))
    assert history(page) == before + 1
    page.go_back()
    expect(page).not_to_have_url(re.compile("status="))
    expect(page.locator("#results tbody tr")).to_have_count(20)


@pytest.mark.parametrize("cache", [False, True], ids=["no-cache", "back-forward-cache"])
def test_p04_back_from_a_record_shows_the_same_place(open_as, home, browser, caching_browser, cache):
    using = caching_browser if cache else browser
    page = open_as(home.owner, f"/o/{home.org.slug}/agents", using=using)
    page.locator("#results [rel=next]").first.click()
    expect(page.locator("#results")).to_contain_text("21–40")
    shown = rows(page)
    page.evaluate("() => window.scrollTo(0, 300)")
    place = page.evaluate("() => window.scrollY")
    page.locator("#results tbody th[scope=row] a").nth(10).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(shown[10])
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Agents")
    expect(page.locator("#results")).to_contain_text("21–40")
    assert rows(page) == shown
    page.wait_for_function(f"() => Math.abs(window.scrollY - {place}) <= 50")


def test_p08_a_record_opens_in_a_new_tab(page):
    with page.context.expect_page() as opened:
        page.locator("#results tbody th[scope=row] a").first.click(modifiers=["Control"])
    opened.value.wait_for_url("**/agents/*")
    assert page.url.endswith("/agents")


def test_p09_the_count_is_shown_and_announced(page):
    expect(page.locator("#results")).to_contain_text("1–20 of 46")
    page.locator("main [name=q]").fill("agent 04")
    expect(page.locator("#results")).to_contain_text("1–1 of 1")
    expect(page.locator("[role=status]").first).to_contain_text("1 agent")


def test_p11_a_chip_removes_only_its_filter(page):
    page.goto(f"{page.url}?q=agent&status=enabled")
    chips = page.locator("#results .chips a, #results a.chip")
    expect(chips.first).to_be_visible()
    page.get_by_role("link", name=re.compile("Status.*Enabled")).click()
    expect(page).to_have_url(re.compile(r"\?q=agent$"))


def test_several_values_of_a_filter_are_chosen_and_excluded(page, home):
    page.get_by_role("button", name="Model").click()
    page.get_by_role("checkbox", name="model-1", exact=True).check()
    expect(page).to_have_url(re.compile(r"\?model=model-1$"))
    page.get_by_role("checkbox", name="model-2", exact=True).check()
    expect(page).to_have_url(re.compile(r"\?model=model-1&model=model-2$"))
    expect(page.locator("#results")).to_contain_text("of 30")
    page.get_by_role("checkbox", name="Not model-2").check()
    expect(page.locator("#results")).to_contain_text("of 15")
    page.keyboard.press("Escape")
    page.locator("main [name=q]").fill("agent")
    expect(page).to_have_url(re.compile(r"\?q=agent&model=model-1&model=model-2&model=-model-2$"))
    page.get_by_role("link", name="Remove filter Model: not model-2").click()
    expect(page.locator("#results")).to_contain_text("of 30")
    page.get_by_role("button", name="Model").click()
    assert page.locator("#filter-model :checked").evaluate_all("boxes => boxes.map((box) => box.value)") == [
        "model-1",
        "model-2",
    ]


def test_p07_filters_are_applied_without_scripts(open_as, home):
    page = open_as(home.owner, f"/o/{home.org.slug}/agents", java_script_enabled=False)
    page.get_by_role("button", name="Updated", exact=True).click()
    page.locator("#filter-updated-from").fill("2020-01-01")
    page.get_by_role("button", name="Apply").first.click()
    expect(page.get_by_role("link", name="Remove filter Updated: since 1 Jan 2020")).to_be_visible()
    page.get_by_role("button", name="Status", exact=True).click()
    page.get_by_role("checkbox", name="Archived", exact=True).check()
    page.get_by_role("button", name="Apply").first.click()
    expect(page.locator("#results .chip")).to_have_count(2)
    expect(page.locator("#filter-updated-from")).to_have_value("2020-01-01")


def test_p14_selection_is_counted_ranged_and_changed(page, home):
    boxes = page.locator("#results [name=ids]")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    assert page.locator("#results [name=ids]:checked").count() == 4
    assert page.locator("[data-select-all]").evaluate("box => box.indeterminate")
    expect(page.locator("[data-bulk-count]")).to_contain_text("4")
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("#results")).to_contain_text("of 42")
    expect(page.locator("[data-toast]")).to_contain_text("4 archived")
    page.locator("[data-toast]").get_by_role("button", name="Undo").click()
    expect(page.locator("#results")).to_contain_text("of 46")


def test_p17_one_header_says_how_the_list_is_sorted(page):
    for name, wanted in (("Name", "ascending"), ("Name", "descending"), ("Updated", "descending")):
        page.locator("#results thead a", has_text=name).click()
        header = page.locator("#results thead [aria-sort]")
        expect(header).to_have_count(1)
        expect(header).to_have_attribute("aria-sort", wanted)
        expect(header).to_contain_text(name)


def test_p33_focus_is_never_lost_after_a_swap(page):
    for act in (
        lambda: page.locator("#results [rel=next]").first.press("Enter"),
        lambda: page.locator("#results thead a", has_text="Name").press("Enter"),
        lambda: page.locator("#results [rel=next]").first.press("Enter"),
        lambda: page.locator("#results [rel=prev]").first.press("Enter"),
    ):
        with page.expect_response(
            lambda response: "agents?" in response.url or response.url.endswith("agents")
        ):
            act()
        page.wait_for_function("() => document.activeElement !== document.body")


def test_p36_nothing_scrolls_sideways_at_320(page):
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [1280, 375, 320])
def test_the_days_and_numbers_of_a_filter_fit_into_its_menu(page, home, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/o/{home.org.slug}/threads")
    page.get_by_text("More filters").click()
    for name in ("Last activity", "Created", "Tokens", "Cost"):
        page.get_by_role("button", name=re.compile(f"^{name}")).click()
        assert page.locator(":popover-open").evaluate("(menu) => menu.scrollWidth <= menu.clientWidth"), name
        page.keyboard.press("Escape")


def test_p30_the_palette_names_an_export_as_one(page):
    page.keyboard.press("Control+k")
    page.keyboard.type("export json")
    expect(page.get_by_role("option", name="Export as JSON, shown columns")).to_be_visible()


def test_a_list_that_holds_nothing_yet_offers_nothing_to_look_for(open_as):
    empty = orgs.org()
    page = open_as(orgs.member(empty, "owner"), f"/o/{empty.slug}/agents")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#views")).to_be_hidden()
    page.goto(f"{page.url}?q=none")
    field = page.locator("main [name=q]")
    field.fill("")
    expect(page.get_by_role("heading", name="No agents yet")).to_be_visible()
    expect(field).to_be_focused()
    page.get_by_role("link", name="New agent").first.focus()
    expect(field).to_be_hidden()
