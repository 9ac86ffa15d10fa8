"""The form of a schedule in Chromium: of each kind and timing only its own fields, and the runs it would lead to."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("scripts", [True, False])
def test_of_each_kind_only_its_own_fields_are_shown(home, open_as, look, scripts):
    page = open_as(home.owner, f"/o/{home.org.slug}/schedules/new", java_script_enabled=scripts)
    prompt, query = page.locator("[id$=--prompt]"), page.locator("[id$=--query]")

    def choose(kind):
        page.locator("#kind").select_option(kind)
        if not scripts:
            page.get_by_role("button", name="Show its fields").click()

    page.locator("#name").fill("Morning report")
    choose("agent.export")
    expect(query).to_be_visible()
    expect(prompt).to_have_count(0)
    query.fill("status=enabled")
    choose("agent.run.prompt")
    expect(prompt).to_be_visible()
    expect(page.locator("#kind")).to_have_value("agent.run.prompt")
    expect(page.locator("#name")).to_have_value("Morning report")
    prompt.fill("What is new?")
    if scripts:
        look(page, "schedule-agent")
    choose("thread.erase")
    expect(page.locator("#kind_inputs fieldset")).to_have_count(0)
    choose("agent.run.prompt")
    expect(prompt).to_have_value("What is new?")
    choose("agent.export")
    expect(query).to_have_value("status=enabled")
    if scripts:
        look(page, "schedule-export")
    page.locator("#cron").fill("0 6 * * *")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Morning report")
    expect(page.get_by_text("status=enabled")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_of_each_timing_only_its_own_field_is_shown(home, open_as, look, scripts):
    page = open_as(home.owner, f"/o/{home.org.slug}/schedules/new", java_script_enabled=scripts)
    fields = {"cron": "#cron", "every": "#every_minutes", "once": "#run_at"}
    for chosen in ("every", "once", "cron"):
        page.locator(f"[name=timing][value={chosen}]").check()
        for timing, field in fields.items():
            expect(page.locator(field)).to_be_visible(visible=timing == chosen)
    if scripts:
        page.locator("[name=timing][value=every]").check()
        page.locator("#every_minutes").fill("0")
        page.get_by_role("button", name="Create schedule").click()
        expect(page.locator("#every_minutes-error")).to_be_visible()
        look(page, "schedule-refused")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_next_runs_follow_what_is_typed(home, open_as, look, scripts):
    page = open_as(home.owner, f"/o/{home.org.slug}/schedules/new", java_script_enabled=scripts)
    runs = page.locator("#next_runs")

    def see(words):
        if not scripts:
            page.get_by_role("button", name="Show the next runs").click()
        expect(runs).to_contain_text(words)

    expect(runs).to_contain_text("Use five fields")
    page.locator("#cron").fill("30 2 * * *")
    see("At 02:30 every day")
    expect(runs.locator("tbody tr")).to_have_count(5)
    page.locator("#time_zone").select_option("Asia/Kolkata")
    see("02:30 IST")
    page.locator("#ends_at").fill("2001-01-01T00:00")
    see("Enter a moment to come.")
    page.locator("#ends_at").fill("")
    page.locator("[name=timing][value=every]").check()
    page.locator("#every_minutes").fill("30")
    see("IST")
    if scripts:
        expect(page.locator("#every_minutes")).to_be_focused()
        look(page, "schedule-preview")


@pytest.mark.parametrize("scripts", [True, False])
def test_enter_saves(home, open_as, scripts):
    page = open_as(home.owner, f"/o/{home.org.slug}/schedules/new", java_script_enabled=scripts)
    page.locator("#kind").select_option("thread.erase")
    page.locator("#cron").fill("0 6 * * *")
    page.locator("#name").fill("Pressed Enter")
    page.locator("#name").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pressed Enter")
