"""Saved views in Chromium: saved, opened, changed, shared, without scripts too."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import listing
from tests.factories import orgs

pytestmark = pytest.mark.e2e


def save(page, name, *ticks):
    page.locator("#save-view-button").click()
    page.get_by_label("Name of the view").fill(name)
    for tick in ticks:
        page.get_by_role("checkbox", name=tick).check()
    page.locator(".save-view").get_by_role("button", name="Save view").click()


def tab(page, name):
    return page.get_by_role("navigation", name="Views").get_by_role("link", name=name)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_p12_a_view_is_saved_shared_and_opened_by_another(home, open_as, scripts):
    url = f"{listing(home)}?model=model-1&sort=name&cols=name,model"
    page = open_as(home.owner, url, java_script_enabled=scripts)
    save(page, "Model one", "Share with everyone here")
    expect(page).to_have_url(re.compile(r"\?view=[0-9a-f-]{36}$"))
    expect(tab(page, "Model one")).to_have_attribute("aria-current", "page")
    second = open_as(home.people["viewer"], page.url)
    expect(second.locator(".pager-count")).to_have_text("1–15 of 15")
    expect(second.locator("#results thead th")).to_have_text(["Name", "Model"])


def test_p12_a_changed_view_says_so_and_is_reset_or_saved(home, open_as):
    orgs.saved_view(home.org, home.owner, name="Model one", params=[["model", "model-1"]])
    page = open_as(home.owner, listing(home))
    before = page.evaluate("() => history.length")
    tab(page, "Model one").click()
    expect(page.locator(".pager-count")).to_have_text("1–15 of 15")
    assert page.evaluate("() => [history.length, document.activeElement.textContent]") == [
        before + 1,
        "Model one",
    ]
    page.get_by_role("button", name="Model", exact=True).click()
    page.get_by_role("checkbox", name="model-1", exact=True).uncheck()
    page.get_by_role("checkbox", name="model-2", exact=True).check()
    expect(tab(page, "Model one (changed)")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?model=model-2&view="))
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Reset").click()
    expect(page.get_by_role("link", name="Remove filter Model: model-1")).to_be_visible()
    page.get_by_role("button", name="Model", exact=True).click()
    expect(page.get_by_role("checkbox", name="model-1", exact=True)).to_be_checked()
    page.get_by_role("checkbox", name="model-1", exact=True).uncheck()
    expect(page.locator(".pager-count")).to_have_text("1–20 of 46")
    page.keyboard.press("Escape")
    page.locator("#views").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("View saved.")
    expect(tab(page, "Model one")).to_have_attribute("aria-current", "page")
    expect(page.locator(".pager-count")).to_have_text("1–20 of 46")


def test_p13_columns_stay_chosen_in_the_address_and_in_a_default_view(home, open_as):
    page = open_as(home.owner, listing(home))
    page.locator("#columns-button").click()
    expect(page.locator("#col-name")).to_be_disabled()
    page.locator("#col-model").uncheck()
    expect(page).to_have_url(re.compile("cols=name%2Cstatus%2Cupdated$"))
    page.keyboard.press("Escape")
    save(page, "Slim", "Open the list with it")
    expect(page).to_have_url(re.compile("view="))
    again = open_as(home.owner, listing(home))
    expect(again.locator("#results thead th")).to_have_text(["Name", "Status", "Updated"])
