"""The frame around every page: shortcuts, palette, toasts, times, copying, sign-out and Back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import go_by_keys, listing
from tests.factories import agents, orgs
from tests.support.browser import let_keep

pytestmark = pytest.mark.e2e

OPTIONS = "#palette-list [role=option]"


def _toast(page: Page, **message) -> None:
    """Send the page a toast as the server does."""
    page.evaluate(
        "(toast) => document.body.dispatchEvent("
        "new CustomEvent('app:toast', { bubbles: true, detail: { toasts: [toast] } }))",
        {"level": "success", "text": "Done.", "undo_url": None, **message},
    )


def test_opening_the_palette_takes_less_than_a_tenth_of_a_second(home, open_as):
    page = open_as(home.owner, listing(home))
    taken = page.evaluate(
        "() => { const start = performance.now(); document.getElementById('palette-button').click();"
        " document.getElementById('palette').getBoundingClientRect(); return performance.now() - start; }"
    )
    assert taken < 100


def test_the_palette_goes_where_the_arrows_lead(home, open_as):
    page = open_as(home.owner, f"{listing(home)}/{home.agent.id}")
    page.keyboard.press("Control+k")
    page.keyboard.type(">agents")
    expect(page.locator(OPTIONS)).to_have_text(["Agents"])
    expect(page.locator("#palette-count")).to_have_text("1 result")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Agents")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("group", name="Recent")).to_contain_text(home.agent.name)
    page.keyboard.type(">no such command")
    expect(page.locator("#palette-count")).to_have_text("Nothing found")


def test_the_question_mark_lists_the_keys(home, open_as):
    page = open_as(home.owner, listing(home))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Search this list")
    page.keyboard.press("j")
    assert page.locator("tr[data-active]").count() == 0


def test_single_keys_can_be_switched_off(home, open_as):
    page = open_as(home.owner, listing(home))
    page.locator("#shortcuts").evaluate("(dialog) => dialog.removeAttribute('data-enabled')")
    page.keyboard.press("j")
    assert page.locator("tr[data-active]").count() == 0
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()


def test_many_organisations_are_found_by_typing(home, open_as):
    for name in ("North", "Northern lights", "South", "East", "West", "Centre", "Coast"):
        orgs.member(orgs.org(name=name), "viewer", home.owner)
    page = open_as(home.owner, listing(home))
    page.locator("#org-button").click()
    expect(page.locator("#org-filter")).to_be_focused()
    page.keyboard.type("light NOR")
    links = page.locator("#org-menu a:visible")
    expect(links).to_have_text([re.compile("Northern lights"), "New organisation"])
    page.locator("#org-filter").fill("")
    expect(links).to_have_count(9)


def test_many_organisations_leave_room_for_what_is_searched_for(home, open_as):
    for number in range(21):
        orgs.member(orgs.org(name=f"Customer {number}"), "viewer", home.owner)
    agents.agent(home.org, name="Customer care")
    page = open_as(home.owner, listing(home))
    page.keyboard.press("Control+k")
    page.keyboard.type("customer")
    expect(page.get_by_role("option", name="Customer care")).to_be_visible()


def test_sequences_lead_to_sections(home, open_as):
    page = open_as(home.owner, f"{listing(home)}/{home.agent.id}")
    go_by_keys(page, "ga", "Agents")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()


def test_toasts_are_announced_stay_and_pause(home, open_as):
    page = open_as(home.owner, listing(home))
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    expect(page.locator("#toasts")).to_have_attribute("aria-live", "polite")
    _toast(page)
    _toast(page, text="Archived.", undo_url="/undo")
    toasts = page.locator("#toasts [data-toast]")
    page.clock.run_for(5900)
    expect(toasts).to_have_count(2)
    page.clock.run_for(200)
    expect(toasts).to_have_text([re.compile("Archived")])
    toasts.get_by_role("button", name="Undo").focus()
    page.clock.run_for(20000)
    expect(toasts).to_have_count(1)
    page.locator("#q").focus()
    page.clock.run_for(9900)
    expect(toasts).to_have_count(1)
    page.clock.run_for(200)
    expect(toasts).to_have_count(0)


def test_errors_are_alerts_and_dismissing_keeps_the_focus_on_the_page(home, open_as):
    page = open_as(home.owner, listing(home))
    _toast(page, level="error", text="It broke.")
    toast = page.get_by_role("alert").filter(has_text="It broke.")
    toast.get_by_role("button", name="Dismiss").focus()
    page.keyboard.press("Enter")
    expect(toast).to_have_count(0)
    expect(page.locator("#main")).to_be_focused()


def test_times_are_in_the_zone_of_the_browser_and_stay_true(home, open_as):
    changed = datetime.now(UTC) - timedelta(minutes=58)
    agents.agent(home.org, name="Timed", updated_at=changed)
    page = open_as(home.owner, f"{listing(home)}?q=Timed", timezone_id="Asia/Tokyo")
    assert {"time_zone": "Asia/Tokyo"}.items() <= {
        cookie["name"]: cookie["value"] for cookie in page.context.cookies()
    }.items()
    page.clock.install()
    page.reload()
    shown = page.get_by_role("row").filter(has_text="Timed").locator("time")
    expect(shown).to_have_text("58 min ago")
    expect(shown).to_have_attribute("title", re.compile("JST$"))
    assert shown.get_attribute("datetime").endswith("Z")
    page.clock.run_for(3 * 60_000)
    expect(shown).to_have_text("1 h ago")
    page.clock.run_for(23 * 60 * 60_000)
    expect(shown).to_have_text(re.compile(r"^\d+ \w{3} \d{4}$"))


def test_a_value_is_copied_and_it_is_said(home, open_as):
    page = open_as(
        home.owner, f"{listing(home)}/{home.agent.id}", permissions=["clipboard-read", "clipboard-write"]
    )
    page.locator("[data-copy]").first.click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"agt_{home.agent.id}"


def test_without_a_clipboard_the_value_is_selected(home, open_as):
    page = open_as(home.owner, f"{listing(home)}/{home.agent.id}")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.locator("[data-copy]").first.click()
    expect(page.locator("#status")).to_have_text("Press Ctrl C to copy")
    assert page.evaluate("getSelection().toString()") == f"agt_{home.agent.id}"


def test_back_after_sign_out_shows_nothing(home, open_as, caching_browser):
    page = open_as(home.owner, "/sign-in", using=caching_browser)
    let_keep(page)
    page.goto(listing(home))
    page.evaluate(
        "addEventListener('pageshow', ({ persisted }) => {"
        " sessionStorage.back = `${persisted} ${document.documentElement.style.visibility}`; })"
    )
    page.locator("#account-button").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    page.go_back(wait_until="commit")
    page.wait_for_url(re.compile("next="), wait_until="commit")
    assert page.evaluate("sessionStorage.back") == "true hidden"


def test_without_scripts_the_top_bar_leads_to_the_search(home, open_as):
    page = open_as(home.owner, listing(home), java_script_enabled=False)
    page.locator("#search-link").click()
    page.get_by_role("searchbox", name="Search").fill(home.agent.name)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#results")).to_contain_text(home.agent.name)
    with_scripts = open_as(home.owner, listing(home))
    expect(with_scripts.locator("#search-link")).to_be_hidden()


def test_without_scripts_a_toast_stands_above_the_page_and_not_over_it(home, open_as):
    page = open_as(home.owner, listing(home), java_script_enabled=False)
    page.get_by_role("checkbox", name="Select Agent 01").check()
    page.get_by_role("button", name="Archive").click()
    toast = page.locator("[data-toast]", has_text="1 archived.").bounding_box()
    head = page.locator(".page-head").bounding_box()
    assert toast["y"] + toast["height"] <= head["y"]
