"""Forms and keys in Chromium: errors are found, text is not lost, shortcuts stay out of the way."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture
def new(open_as, home):
    return open_as(home.owner, f"/o/{home.org.slug}/agents/new")


@pytest.fixture
def agents(open_as, home):
    return open_as(home.owner, f"/o/{home.org.slug}/agents")


def send(page) -> None:
    page.locator("main form[method=post] button:not([type=button])").first.click()


def test_p18_errors_are_summed_up_focused_and_linked(new):
    new.locator("[name=prompt]").fill("kept")
    new.locator("[name=primary_model_temperature]").fill("9")
    new.locator("main form[method=post]").first.evaluate("form => form.noValidate = true")
    send(new)
    summary = new.locator("[autofocus]").first
    expect(summary).to_be_focused()
    expect(new).to_have_title(re.compile("^Error: "))
    field = new.locator("[name=name]")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby").split()
    words = [new.locator(f"#{part}").inner_text().removeprefix("Error:").strip() for part in described]
    link = summary.locator("a[href='#name']")
    assert link.inner_text().strip() in words
    expect(new.locator("[name=prompt]")).to_have_value("kept")
    link.click()
    expect(field).to_be_focused()


def test_p20_leaving_unsaved_text_is_asked_about_and_saved_text_is_not(new):
    asked = []
    new.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    new.locator("[name=name]").fill("Unsaved")
    new.get_by_role("link", name="Members").first.click()
    expect(new).to_have_url(re.compile("/members"))
    assert asked == ["beforeunload"]
    new.go_back()
    new.locator("[name=name]").fill("Saved")
    send(new)
    expect(new.get_by_role("heading", level=1)).to_contain_text("Saved")
    assert asked == ["beforeunload"]


def test_p09_a_double_submit_makes_one_record(new, home):
    new.locator("[name=name]").fill("Only once")
    form = new.locator("main form[method=post]").first
    copy = form.evaluate("form => Object.fromEntries(new FormData(form))")
    send(new)
    expect(new.get_by_role("heading", level=1)).to_contain_text("Only once")
    headers = {"Sec-Fetch-Site": "same-origin"}
    again = new.context.request.post(
        f"/o/{home.org.slug}/agents/new", form=copy, headers=headers, max_redirects=0
    )
    assert again.headers["location"] == new.url.removeprefix(new.url.split("/o/")[0])


def test_a_stale_save_shows_both_texts(open_as, home):
    path = f"/o/{home.org.slug}/agents/{home.agent.id}/edit"
    mine, theirs = open_as(home.owner, path), open_as(home.people["admin"], path)
    theirs.locator("[name=prompt]").fill("their text")
    send(theirs)
    expect(theirs).to_have_url(re.compile(rf"/agents/{home.agent.id}$"))
    mine.locator("[name=prompt]").fill("my text")
    send(mine)
    expect(mine.locator("main")).to_contain_text("their text")
    expect(mine.locator("main")).to_contain_text("my text")


def test_p30_the_palette_finds_and_jumps_by_keyboard(agents, home):
    agents.keyboard.press("Control+k")
    field = agents.locator("#palette-input")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("role", "combobox")
    field.press_sequentially("agent 07")
    option = agents.locator("#palette-list [role=option]", has_text="Agent 07")
    expect(option).to_be_visible()
    expect(field).to_have_attribute("aria-activedescendant", re.compile("."))
    field.press("Enter")
    expect(agents.get_by_role("heading", level=1)).to_have_text("Agent 07")


def test_p30_escape_returns_to_the_opener_and_an_id_jumps(agents, home):
    opener = agents.locator("#palette-button")
    opener.click()
    agents.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.click()
    agents.locator("#palette-input").fill(f"agt_{home.agent.id}")
    agents.wait_for_timeout(400)
    agents.keyboard.press("Enter")
    expect(agents.get_by_role("heading", level=1)).to_have_text(home.agent.name)


def test_p31_keys_do_nothing_in_fields_or_with_modifiers(agents):
    agents.locator("main [name=q]").focus()
    agents.keyboard.type("?c")
    expect(agents.locator("#shortcuts")).to_be_hidden()
    assert agents.locator("main [name=q]").input_value() == "?c"
    agents.goto(agents.url.split("?")[0])
    agents.keyboard.press("Alt+c")
    agents.wait_for_timeout(200)
    assert agents.url.endswith("/agents")
    agents.keyboard.press("?")
    expect(agents.locator("#shortcuts")).to_be_visible()


def test_p32_keys_move_select_and_open(agents):
    agents.keyboard.press("j")
    agents.keyboard.press("j")
    agents.keyboard.press("x")
    expect(agents.locator("#results [name=ids]:checked")).to_have_count(1)
    name = agents.locator("#results tbody th[scope=row] a").nth(1).inner_text().strip()
    agents.keyboard.press("Enter")
    expect(agents.get_by_role("heading", level=1)).to_have_text(name)
    agents.keyboard.press("e")
    expect(agents).to_have_url(re.compile("/edit$"))


def test_p32_control_s_saves(new):
    new.locator("[name=name]").fill("Saved by key")
    new.keyboard.press("Control+s")
    expect(new.get_by_role("heading", level=1)).to_contain_text("Saved by key")


def test_p35_targets_are_large_enough_and_focus_is_seen(agents):
    small = agents.evaluate(
        """() => [...document.querySelectorAll("a, button, input, select, summary")]
            .filter((control) => control.checkVisibility() && control.closest("main, header, nav"))
            .map((control) => [control.outerHTML.slice(0, 120), control.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
            .filter(([html]) => !html.startsWith("<a ") && !html.includes("checkbox"))
            .map(([html]) => html)"""
    )
    assert small == []
