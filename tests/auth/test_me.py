from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.auth.access import act_as
from app.auth.models import EmailChange, RecoveryCode, SignInSession, User
from app.auth.providers import Profile
from app.auth.repo.sessions import SessionRepo
from app.auth.services import email_changes
from app.auth.services.external import link
from app.auth.services.passwords import hash_password
from app.auth.services.sign_in import confirm_password
from app.auth.views import credentials
from app.db.session import transaction
from app.web.security import session_cookie_name
from tests.factories import auth, orgs
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, stored
from tests.support.client import SAME_ORIGIN
from tests.support.pages import parse

NEW = "an entirely different phrase"
PAGES = [
    "/me",
    "/me/preferences",
    "/me/password",
    "/me/email",
    "/me/sessions",
    "/me/confirm",
    "/me/email/sent",
]


@pytest.fixture
def person():
    return auth.user()


@pytest.fixture
def own(new_client, person):
    return new_client(person)


def long_ago(person):
    """A client whose password was typed 16 minutes ago."""
    return auth.sign_in_token(person, reauthenticated_at=datetime.now(UTC) - timedelta(minutes=16))


@pytest.fixture
def stale(app, client, connection, person):
    with app.app_context():
        client.set_cookie(session_cookie_name(), long_ago(person))
    return client


def actions():
    return [event.action for event in rows(AuditEvent)]


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_of_an_account_need_a_session(connection, person, own, new_client, page):
    own.page(page)
    assert new_client().get(page).location == f"/sign-in?next={page}"


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("http://localhost/me?a=1", "/sign-in?next=/me%3Fa%3D1&unsent=1"),
        ("http://evil.example/me", "/sign-in"),
        ("http://localhost/sign-out", "/sign-in"),
        ("nonsense", "/sign-in"),
        ("http://[", "/sign-in"),
    ],
)
def test_a_form_of_an_ended_session_leads_back_to_its_page(connection, person, new_client, page, place):
    assert new_client().submit("/me", {"first_name": "Ana"}, headers={"Referer": page}).location == place


def test_a_part_that_finds_no_session_leads_back_to_its_page(connection, person, new_client):
    came = {"HX-Request": "true", "Referer": "http://localhost/me/sessions"}
    assert new_client().get("/me", headers=came).headers["HX-Redirect"] == "/sign-in?next=/me/sessions"


def test_names_are_changed(own, person):
    assert own.submit("/me", {"first_name": " Ana ", "last_name": ""}).status_code == 303
    assert (stored(person).first_name, stored(person).last_name, actions()) == (
        "Ana",
        None,
        ["profile.change"],
    )
    assert own.page("/me").find(id="first_name")["value"] == "Ana"


def test_a_name_on_two_lines_is_refused(own, person):
    response = own.submit("/me", {"first_name": "A\nb", "last_name": "x" * 300})
    assert (response.status_code, stored(person).first_name) == (422, person.first_name)


def test_preferences_are_kept(own, person):
    given = {"theme": "dark", "time_zone": "Europe/Berlin"}
    assert own.submit("/me/preferences", given).status_code == 303
    assert stored(person).preferences == {**given, "shortcuts": False, "failure_mail": False}
    page = own.page("/me/preferences")
    assert page.html["data-theme"] == "dark"
    assert not page.find(id="single-keys").has_attr("checked")


@pytest.mark.parametrize(
    "given", [{"theme": "pink", "time_zone": ""}, {"theme": "auto", "time_zone": "../etc/passwd"}]
)
def test_unknown_preferences_are_refused(own, person, given):
    assert own.submit("/me/preferences", given).status_code == 422
    assert stored(person).preferences == {}


def test_sessions_are_listed_and_ended(own, new_client, person):
    other = new_client(person)
    page = own.page("/me/sessions")
    assert (len(page.select("tbody tr")), page.select_one("tbody").text.count("This one")) == (2, 1)
    form = page.select_one("form[action$='/revoke']")
    assert own.submit(form["action"]).status_code == 303
    assert (other.get("/me").status_code, own.get("/me").status_code) == (302, 200)


def test_all_other_sessions_end(own, new_client, person):
    others = [new_client(person) for _ in range(3)]
    own.submit("/me/sessions/revoke-others")
    assert [client.get("/me").status_code for client in others] == [302, 302, 302]
    assert (own.get("/me").status_code, actions()) == (200, ["session.revoke_others"])


def test_a_session_of_somebody_else_is_unknown(own, new_client):
    stranger = auth.user()
    new_client(stranger)
    (session,) = rows(SignInSession, user_id=stranger.id)
    answers = [own.submit(f"/me/sessions/{i}/revoke") for i in (session.id, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert stored(session)


def test_the_own_address_is_no_new_password(own, person):
    refused = own.submit("/me/password", {"current_password": PASSWORD, "password": person.email})
    assert (refused.status_code, "e-mail address itself" in refused.text) == (422, True)


def test_se_3_a_new_password_ends_the_other_sessions(own, new_client, person, mails, sign_in):
    other = new_client(person)
    before = own.get_cookie("session").value
    response = own.submit("/me/password", {"current_password": PASSWORD, "password": NEW})
    assert response.status_code == 303
    assert own.get_cookie("session").value != before
    assert (own.get("/me").status_code, other.get("/me").status_code) == (200, 302)
    assert mails()[-1].template == "account_changed"
    assert sign_in(other, person.email).status_code == 422
    assert sign_in(other, person.email, NEW).status_code == 303


def test_a_session_that_a_new_password_ended_meanwhile_sets_none(
    own, new_client, person, monkeypatch, sign_in
):
    """The former password was right when the second change began, and is not any more when it is stored."""
    late = new_client(person)

    def slowly(password):
        if password != NEW:
            own.submit("/me/password", {"current_password": PASSWORD, "password": NEW})
        return hash_password(password)

    monkeypatch.setattr(credentials, "hash_password", slowly)
    given = {"current_password": PASSWORD, "password": "what the other one chose"}
    assert late.submit("/me/password", given).status_code == 409
    assert (own.get("/me").status_code, late.get("/me").status_code) == (200, 302)
    assert sign_in(new_client(), person.email, NEW).status_code == 303


@pytest.mark.parametrize(
    "given",
    [
        {"current_password": "wrong", "password": NEW},
        {"current_password": "", "password": NEW},
        {"current_password": PASSWORD, "password": "short"},
    ],
)
def test_a_password_changes_only_with_the_old_one(own, person, given):
    assert own.submit("/me/password", given).status_code == 422
    assert stored(person).password == person.password


def test_guessing_the_current_password_is_limited(own):
    for _ in range(10):
        own.submit("/me/password", {"current_password": "wrong", "password": NEW})
    response = own.submit("/me/password", {"current_password": PASSWORD, "password": NEW})
    assert (response.status_code, int(response.headers["Retry-After"]) > 0) == (429, True)


def test_the_password_is_asked_again_after_fifteen_minutes(stale):
    assert stale.get("/me/email").location == "/me/confirm?next=/me/email"
    asked = stale.submit("/me/email", {"email": "new@example.org"}).location
    assert asked == "/me/confirm?next=/me/email&unsent=1"
    assert stale.page(asked).select_one("main [data-unsent]")
    assert stale.submit("/me/confirm", {"current_password": "wrong", "next": "/me/email"}).status_code == 422
    answer = stale.submit("/me/confirm", {"current_password": PASSWORD, "next": "/me/email"})
    assert (answer.status_code, answer.location) == (303, "/me/email")
    stale.page("/me/email")


def test_the_password_is_asked_again_in_the_organisation_that_the_way_leads_to(stale, person):
    for slug in ("acme", "further"):
        orgs.member(orgs.org(slug=slug), user=person)
    orgs.org(slug="other")
    for path, sidebar in [
        ("/o/acme/keys/new", True),
        ("/o/other/keys/new", False),
        ("/o/", False),
        ("/me", False),
    ]:
        page = stale.page(f"/me/confirm?next={path}")
        assert (page.find(id="sidebar") is not None) == sidebar
        assert (page.find("a", string="Cancel")["href"] == "/o/acme") == sidebar


def test_the_password_given_again_ends_copies_of_the_session_and_keeps_open_forms(stale, new_client):
    form, epoch = {"csrf_token": stale.token(), "first_name": "Ana"}, stale.get_cookie("session_epoch")
    for _ in range(2):
        copied, given = new_client(), {"current_password": PASSWORD}
        copied.set_cookie("session", stale.get_cookie("session").value)
        assert stale.submit("/me/confirm", {"current_password": "wrong"}).status_code == 422
        assert copied.get("/me").status_code == 200
        assert stale.submit("/me/confirm", given).status_code == 303
        assert (stale.get("/me").status_code, copied.get("/me").status_code) == (200, 302)
        assert stale.post("/me", data=form, headers=SAME_ORIGIN).status_code == 303
    assert stale.get_cookie("session_epoch") == epoch  # what other tabs keep of the session is of it still


def test_a_session_that_ended_while_its_password_was_checked_gets_no_other_token(stale, person, monkeypatch):
    def slowly(user_id, password):
        confirm_password(user_id, password)
        with transaction():
            SessionRepo().remove_for(person.id)

    monkeypatch.setattr(credentials, "confirm_password", slowly)
    answer = stale.submit("/me/confirm", {"current_password": PASSWORD})
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (409, [])


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("/me/two-factor/codes", "/me/two-factor"),
        ("/me/two-factor/remove", "/me/two-factor"),
        ("/me/sign-in-methods/github", "/me/sign-in-methods"),
        ("/me/sign-in-methods/github/remove", "/me/sign-in-methods"),
    ],
)
def test_the_password_asked_for_by_a_button_leads_back_to_its_page(stale, form, page):
    asked = stale.submit(form, headers={"Referer": f"http://localhost{page}"})
    way_back = stale.page(asked.location).find("input", attrs={"name": "next"})["value"]
    answer = stale.submit("/me/confirm", {"current_password": PASSWORD, "next": way_back})
    assert answer.location == page
    stale.page(answer.location)


def test_who_has_no_password_sets_one_only_with_a_fresh_sign_in(new_client):
    person = auth.user(password=None)
    assert new_client(person).submit("/me/password", {"password": NEW}).status_code == 303
    assert stored(person).password.startswith("$argon2id$")


def test_who_has_no_way_to_confirm_is_told_what_to_do(app, new_client):
    client, person = new_client(), auth.user(password=None)
    with app.app_context():
        client.set_cookie(session_cookie_name(), long_ago(person))
    main = client.page(client.get("/me/email").location).find("main")
    assert main.find("form") is None
    assert "reset link" in main.text


def test_an_address_changes_when_the_new_one_confirms(own, person, mails):
    assert own.submit("/me/email", {"email": "New@Example.org"}).location == "/me/email/sent"
    assert stored(person).email == person.email
    (mail,) = mails()
    assert mail.recipient == "new@example.org"
    token = mail.token("confirm_url")
    assert own.get(f"/email-changes/{token}").location == "/email-changes/confirm"
    own.page("/email-changes/confirm")
    assert own.submit("/email-changes/confirm").status_code == 303
    assert stored(person).email == "new@example.org"
    assert own.get(f"/email-changes/{token}").status_code == 410
    assert (mails()[-1].recipient, mails()[-1].template) == (person.email, "email_changed")


def test_ways_in_that_were_added_under_the_other_address_end_with_it(app, new_client, mails):
    """Told of to that address alone, whoever moved the account could come back by them."""
    person = auth.user(google_id="theirs")
    other, new = new_client(person), "new@example.org"
    other.submit("/me/email", {"email": new})
    other.get(f"/email-changes/{mails()[-1].token('confirm_url')}")
    other.submit("/email-changes/confirm")
    undo = mails()[-1].token("undo_url")
    with app.test_request_context(), transaction():
        act_as(person.id, new)
        link(person.id, Profile("GITHUB", "other", new, None, None))
    auth.second_factor(app, person)
    own = new_client()
    own.get(f"/email-changes/undo/{undo}")
    assert own.submit("/email-changes/undo").location == "/reset"
    (found,) = rows(User, id=person.id)
    assert (found.github_id, found.google_id, rows(RecoveryCode)) == (None, "theirs", [])
    told = mails()[-1]
    assert (told.recipient, told.context["title"]) == (person.email, "Your address was given back")
    assert "GitHub, the second factor" in told.context["what"]
    assert "API keys" in told.context["what"]


def test_the_former_address_undoes_the_change_and_what_followed(own, new_client, person, mails):
    stranger = new_client()
    for email in ("evil@example.org", "worse@example.org"):
        own.submit("/me/email", {"email": email})
        own.get(f"/email-changes/{mails()[-1].token('confirm_url')}")
        own.submit("/email-changes/confirm")
    first, second = [mail.token("undo_url") for mail in mails() if mail.template == "email_changed"]
    stranger.get(f"/email-changes/undo/{first}")
    stranger.page("/email-changes/undo")
    assert stranger.submit("/email-changes/undo").location == "/reset"
    assert (stored(person).email, own.get("/me").status_code) == (person.email, 302)
    assert [stranger.get(f"/email-changes/undo/{token}").status_code for token in (first, second)] == [
        410,
        410,
    ]


def test_an_address_of_another_account_is_neither_told_nor_taken(own, person, mails):
    other = auth.user()
    assert own.submit("/me/email", {"email": other.email}).location == "/me/email/sent"
    assert mails() == []


def test_an_address_taken_meanwhile_is_refused(own, person, mails):
    own.submit("/me/email", {"email": "new@example.org"})
    auth.user(email="new@example.org")
    own.get(f"/email-changes/{mails()[0].token('confirm_url')}")
    assert own.submit("/email-changes/confirm").status_code == 410
    assert stored(person).email == person.email


def test_confirmations_are_limited_and_what_was_typed_is_kept(own, person, mails):
    for number in range(email_changes.MAILS_PER_DAY):
        assert own.submit("/me/email", {"email": f"new{number}@example.org"}).status_code == 303
    answer = own.submit("/me/email", {"email": "newest@example.org"})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    page = parse(answer.text)
    assert page.find("input", type="email")["value"] == "newest@example.org"
    assert "Too many links were asked for. Wait 24 hours" in page.main.text
    assert len(mails()) == email_changes.MAILS_PER_DAY
    (waiting,) = rows(EmailChange)
    assert waiting.email == "new9@example.org"


def test_without_mail_the_address_stays(own, person):
    assert own.submit("/me/email", {"email": "new@example.org"}).status_code == 409


def test_the_new_address_dies_with_the_password(own, person, mails):
    own.submit("/me/email", {"email": "new@example.org"})
    own.submit("/me/password", {"current_password": PASSWORD, "password": NEW})
    assert own.get(f"/email-changes/{mails()[0].token('confirm_url')}").status_code == 410
    assert len(rows(User, email=person.email)) == 1
