"""What was typed outlives the session, and the time for which a password counts; nobody else ever gets it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import listing
from tests.factories import connections
from tests.factories.auth import PASSWORD

pytestmark = pytest.mark.e2e

NOTICE = "What you typed is back, but not saved yet"
KEPT = "sessionStorage.getItem('kept')"


@pytest.fixture
def after(site):
    """A function that lets something happen to the sign-ins of a person: `end`, or `age` by 16 minutes."""
    acts = {
        "end": "DELETE FROM sessions WHERE user_id = %s",
        "age": "UPDATE sessions SET reauthenticated_at = now() - interval '16 minutes' WHERE user_id = %s",
    }

    def act(name, user):
        with site.connect() as connection:
            connection.execute(acts[name], [user.id])

    return act


def sign_in(page: Page, user) -> None:
    page.get_by_label("E-mail").fill(user.email)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def send(page: Page) -> None:
    page.locator("main form[data-form] [data-save], main form [data-send]").first.click()


@pytest.fixture
def unsaved(home, open_as, after):
    """The form of a new agent, sent after its session had ended: the sign-in page."""
    page = open_as(home.owner, f"{listing(home)}/new")
    page.locator("#name").fill("Typed before")
    page.locator("#prompt").fill("Line one\nLine two")
    page.locator("#primary_model_temperature").fill("9")
    after("end", home.owner)
    send(page)
    expect(page.locator("h1")).to_have_text("Sign in")
    return page


def test_what_was_typed_is_back_after_signing_in_and_can_be_saved(home, unsaved, look):
    page = unsaved
    expect(page.locator("main")).to_contain_text("What you sent was not saved: your session had ended.")
    look(page, "unsent at sign-in")
    page.locator("#password").fill("wrong")
    page.get_by_label("E-mail").fill(home.owner.email)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#error-summary")).to_be_visible()
    expect(page.locator("main")).to_contain_text("What you sent was not saved: your session had ended.")
    sign_in(page, home.owner)
    expect(page.locator(".inline-alert", has_text=NOTICE)).to_be_focused()
    assert page.url.endswith("/agents/new")
    expect(page.locator("#name")).to_have_value("Typed before")
    expect(page.locator("#prompt")).to_have_value("Line one\nLine two")
    assert page.evaluate(KEPT) is None
    assert page.evaluate("() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    look(page, "typed again")
    send(page)
    expect(page.locator("#error-summary")).to_be_visible()
    page.locator("#primary_model_temperature").fill("1")
    send(page)
    expect(page.locator("h1")).to_have_text("Typed before")
    page.goto(f"{listing(home)}/new")
    expect(page.locator("#name")).to_have_value("")
    expect(page.get_by_text(NOTICE)).to_have_count(0)


def test_another_person_in_the_same_tab_gets_nothing_and_ends_it(home, unsaved):
    page, new = unsaved, f"{listing(home)}/new"
    sign_in(page, home.people["admin"])
    expect(page.locator("#name")).to_have_value("")
    expect(page.get_by_text(NOTICE)).to_have_count(0)
    page.wait_for_function(f"() => {KEPT} === null")
    page.context.clear_cookies()
    page.goto(new)
    sign_in(page, home.owner)
    expect(page.locator("#name")).to_have_value("")
    expect(page.get_by_text(NOTICE)).to_have_count(0)


def test_what_was_typed_is_gone_once_its_person_signs_out(home, unsaved):
    page = unsaved
    page.goto("/sign-in")
    sign_in(page, home.owner)
    expect(page.locator("h1")).not_to_have_text("Sign in")
    assert "Typed before" in page.evaluate(KEPT)
    page.locator("#account-button").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    assert page.evaluate(KEPT) is None


def test_what_was_typed_is_back_after_the_password_was_given_again(home, open_as, after, look):
    page = open_as(home.owner, f"/o/{home.org.slug}/keys/new")
    page.locator("#name").fill("Nightly report")
    page.get_by_label("agents:read").check()
    after("age", home.owner)
    send(page)
    expect(page.locator("h1")).to_have_text("Confirm that it is you")
    expect(page.locator("main")).to_contain_text("What you sent was not saved yet.")
    look(page, "unsent before the password")
    page.locator("#current_password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.locator("#name")).to_have_value("Nightly report")
    expect(page.get_by_label("agents:read")).to_be_checked()
    expect(page.get_by_label("agents:write")).not_to_be_checked()
    send(page)
    expect(page.locator("main")).to_contain_text("Authorization: Bearer")


def test_a_form_in_another_tab_is_saved_after_the_password_was_given_again(home, open_as, after):
    page = open_as(home.owner, f"{listing(home)}/new")
    page.locator("#name").fill("In another tab")
    after("age", home.owner)
    other = page.context.new_page()
    other.goto("/me/email")
    other.locator("#current_password").fill(PASSWORD)
    other.get_by_role("button", name="Continue").click()
    expect(other.locator("h1")).not_to_have_text("Confirm that it is you")
    send(page)
    expect(page.locator("h1")).to_have_text("In another tab")


def test_secrets_are_kept_nowhere_even_while_they_are_shown(home, open_as, after):
    page = open_as(home.owner, f"/o/{home.org.slug}/connections/credentials/new")
    page.locator("#name").fill("Main key")
    page.locator("#secret").fill("sk-very-secret-words")
    page.locator("[data-reveal=secret]").click()
    after("end", home.owner)
    send(page)
    expect(page.locator("h1")).to_have_text("Sign in")
    kept = page.evaluate(KEPT)
    assert "Main key" in kept
    assert "secret" not in kept
    assert "csrf_token" not in kept
    sign_in(page, home.owner)
    expect(page.locator("#name")).to_have_value("Main key")
    expect(page.locator("#secret")).to_have_value("")


def test_of_passwords_alone_nothing_is_kept(home, open_as, after):
    page = open_as(home.owner, "/me/password")
    page.locator("#current_password").fill(PASSWORD)
    page.locator("#password").fill("another long passphrase")
    after("end", home.owner)
    send(page)
    expect(page.locator("h1")).to_have_text("Sign in")
    assert page.evaluate(KEPT) is None


def test_a_message_is_back_in_its_composer(home, open_as, after):
    connections.connection(home.org, slug="main")
    page = open_as(home.owner, f"{listing(home)}/{home.agent.id}/playground")
    page.get_by_label("Message", exact=True).fill("A long question")
    after("end", home.owner)
    page.get_by_role("button", name="Send").click()
    sign_in(page, home.owner)
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("A long question")


def test_a_draft_that_saves_itself_leaves_for_the_sign_in_unasked_and_is_back(home, open_as, after):
    edit = f"{listing(home)}/{home.agent.id}/edit"
    page = open_as(home.owner, edit)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator("#prompt").focus()
    after("end", home.owner)
    page.locator("#prompt").fill("Saved by itself")
    expect(page.locator("h1")).to_have_text("Sign in")
    sign_in(page, home.owner)
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.locator("#prompt")).to_have_value("Saved by itself")
    page.locator("#prompt").focus()
    expect(page.locator("[data-save-state]")).to_contain_text("Saved", timeout=15_000)
    expect(page.get_by_text(NOTICE)).to_have_count(0)
    assert asked == []


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(home, open_as, after):
    edit = f"/o/{home.org.slug}/personas/{home.rows['personas'].id}/edit"
    page = open_as(home.owner, edit)
    page.locator("#prompt").fill("my text")
    after("end", home.owner)
    send(page)
    theirs = open_as(home.people["admin"], edit)
    theirs.locator("#prompt").fill("their text")
    send(theirs)
    expect(theirs.locator("h1")).not_to_contain_text("Edit")
    sign_in(page, home.owner)
    expect(page.locator("#prompt")).to_have_value("my text")
    send(page)
    expect(page.get_by_role("button", name="Keep mine")).to_be_visible()
    after("end", home.owner)
    page.get_by_role("button", name="Keep mine").click()
    sign_in(page, home.owner)
    expect(page.locator("#prompt")).to_have_value("my text")


def test_the_fields_of_a_chosen_kind_are_back_as_well(home, open_as, after):
    page = open_as(home.owner, f"/o/{home.org.slug}/schedules/new")
    page.locator("#name").fill("Export")
    page.locator("#kind").select_option("agent.export")
    page.locator("[id$=--query]").fill("status=active")
    after("end", home.owner)
    send(page)
    sign_in(page, home.owner)
    expect(page.locator("[id$=--query]")).to_have_value("status=active")
    expect(page.locator("#kind")).to_have_value("agent.export")
    expect(page.locator("[data-rest]")).to_be_hidden()


def name_a_view(page):
    """Type a name into the menu, and wait until what is typed is kept.

    What waits is a function: text is evaluated anew at each try, which the page's
    Content-Security-Policy refuses from the second on.
    """
    page.locator("#save-view-button").click()
    page.locator("#view-name").fill("My agents")
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('kept'))"
    )


def test_the_name_of_a_view_waits_for_the_list_it_was_typed_on(home, open_as, after):
    page = open_as(home.owner, listing(home))
    name_a_view(page)
    after("end", home.owner)
    page.locator("#save-view button").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    page.goto(f"/o/{home.org.slug}/threads")
    sign_in(page, home.owner)
    expect(page.locator("h1")).to_have_text("Threads")
    expect(page.locator("#view-name")).to_have_value("")
    page.goto(listing(home))
    expect(page.locator("#view-name")).to_have_value("My agents")


def test_the_name_of_a_view_is_back_where_it_is_seen(home, open_as, after, look):
    page = open_as(home.owner, f"{listing(home)}?q=Agent")
    name_a_view(page)
    after("end", home.owner)
    page.locator("#save-view button").click()
    sign_in(page, home.owner)
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.locator("#view-name")).to_have_value("My agents")
    look(page, "typed in a menu")
    page.locator("#save-view button").click()
    expect(page.get_by_role("link", name="My agents", exact=True)).to_be_visible()


def test_text_without_a_field_is_shown(home, open_as, after, look):
    page = open_as(home.owner, f"/o/{home.org.slug}/tools/new")
    page.locator("#name").fill("weather")
    page.get_by_role("button", name="Add an argument").click()
    page.locator("#arg-name-1").fill("city")
    page.locator("#arg-description-1").fill("Where to look")
    after("end", home.owner)
    page.get_by_role("button", name="Create tool").click()
    sign_in(page, home.owner)
    expect(page.locator("#name")).to_have_value("weather")
    expect(page.locator("[data-rest]")).to_contain_text("arg_description: Where to look")
    look(page, "typed without a field")


def test_a_page_of_an_older_session_says_so_and_the_form_is_filled_anew(home, open_as, after, look):
    page = open_as(home.owner, f"{listing(home)}/new")
    page.locator("#name").fill("From an older page")
    after("end", home.owner)
    other = page.context.new_page()
    other.goto("/sign-in")
    sign_in(other, home.owner)
    expect(other.locator("h1")).not_to_have_text("Sign in")
    send(page)
    expect(page.locator("main")).to_contain_text("Nothing was saved")
    look(page, "unsent of an older page")
    page.get_by_role("link", name="Back to the page").click()
    expect(page.locator("#name")).to_have_value("From an older page")
    send(page)
    expect(page.locator("h1")).to_have_text("From an older page")


def test_a_form_that_was_saved_is_given_back_to_nobody(home, open_as, after):
    page = open_as(home.owner, "/me")
    page.locator("#first_name").fill("Ana")
    send(page)
    expect(page.locator("#toasts")).not_to_be_empty()
    assert page.evaluate(KEPT) is None
    after("end", home.owner)
    page.goto("/me")
    sign_in(page, home.owner)
    expect(page.locator("#first_name")).to_have_value("Ana")
    expect(page.get_by_text(NOTICE)).to_have_count(0)


def test_without_scripts_it_is_said_and_the_browser_still_has_the_form(home, open_as, after):
    page = open_as(home.owner, f"{listing(home)}/new", java_script_enabled=False)
    page.locator("#name").fill("Typed without scripts")
    after("end", home.owner)
    send(page)
    expect(page.get_by_text(re.compile("go back in it to the form"))).to_be_visible()
    sign_in(page, home.owner)
    expect(page.locator("h1")).to_have_text("New agent")
    expect(page.locator("#name")).to_have_value("")
