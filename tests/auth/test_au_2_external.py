"""Signing in with GitHub and Google, against a provider that speaks their protocols."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import pytest

from app.audit.models import AuditEvent
from app.auth.models import OAuthFlow, SignInSession, User
from app.auth.services.external import owner_of
from app.auth.views import external
from app.config import OAuthClient
from app.orgs.models import OrgMember
from tests.factories import auth, orgs
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, save
from tests.support.oauth_provider import OAuthProvider


@pytest.fixture
def provider(app, connection):
    before = app.extensions["settings"]
    with OAuthProvider() as running:
        client = OAuthClient(running.client_id, running.client_secret, running.github)
        app.extensions["settings"] = replace(
            before,
            github=client,
            google=replace(client, base_url=running.google),
            open_registration=True,
            outbound_allow=frozenset({("oauth", "127.0.0.1", urlsplit(running.url).port)}),
        )
        auth.user()
        yield running
    app.extensions["settings"] = before


@pytest.fixture(params=["github", "google"])
def word(request):
    return request.param


def leave_for(client, word: str, **data: str) -> str:
    """Begin a sign-in; where the provider sends the browser back to."""
    answer = client.submit(f"/sign-in/{word}", data)
    assert answer.status_code == 303
    back = httpx2.get(answer.location, follow_redirects=False).headers["location"]
    return back[back.index("/sign-in/") :]


def come_back(client, word: str, **data: str):
    return client.get(leave_for(client, word, **data))


def identity(word: str) -> dict[str, str]:
    return {f"{word}_id": "1001", "provider": word.upper(), "password": None}


def test_the_sign_in_page_offers_what_is_configured(client, provider):
    page = client.page("/sign-in")
    assert {form["action"] for form in page.select("form.provider")} == {"/sign-in/github", "/sign-in/google"}
    policy = client.get("/sign-in").headers["Content-Security-Policy"]
    assert f"form-action 'self' {provider.url}" in policy


def test_a_known_identity_signs_in_and_goes_on(client, provider, word):
    user = auth.user(**identity(word))
    answer = come_back(client, word, next="/me")
    assert (answer.status_code, answer.location) == (303, "/me")
    assert [session.user_id for session in rows(SignInSession)] == [user.id]
    assert client.page("/me")
    assert rows(OAuthFlow) == []


def test_an_account_disabled_while_it_is_opened_stays_closed(client, provider, word, monkeypatch):
    user = auth.user(**identity(word))

    def looked_up(profile):
        found = owner_of(profile)
        user.disabled_at = "2026-01-01T00:00:00Z"
        save(user)
        return found

    monkeypatch.setattr(external, "owner_of", looked_up)
    assert come_back(client, word, next="/me").location == "/sign-in?next=/me"
    assert rows(SignInSession) == []


def test_au_2_a_callback_without_foreign_or_replayed_state(client, new_client, provider, word):
    auth.user(**identity(word))
    assert client.get(f"/sign-in/{word}/callback?code=x").status_code == 400
    back = leave_for(client, word)
    assert new_client().get(back).status_code == 400
    altered = back.replace("state=", "state=A")
    assert client.get(altered).status_code == 400
    back = leave_for(client, word)
    assert client.get(back).status_code == 303
    client.delete_cookie("session")
    assert client.get(back).status_code == 400
    assert len(rows(SignInSession)) == 1


def test_au_2_b_an_unverified_address_opens_nothing(client, provider, word):
    owner = auth.user(email="ana@example.org")
    provider.becomes(email_verified=False)
    answer = come_back(client, word)
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert rows(SignInSession) == []
    assert [user.email for user in rows(User) if user.github_id or user.google_id] == []
    assert owner.password is not None


def test_au_2_b_a_verified_address_is_linked_after_the_password_only(client, provider, word):
    owner = auth.user(email="ana@example.org")
    answer = come_back(client, word)
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/")
    assert rows(SignInSession) == []
    assert client.submit("/sign-in", {"email": owner.email, "password": PASSWORD}).status_code == 303
    linked = next(user for user in rows(User) if user.id == owner.id)
    assert (linked.github_id or linked.google_id) == "1001"


def test_classic_federated_merge(client, new_client, provider, mails, word, sign_in):
    """Who registered the address with a password shares no account with the person who comes from the provider."""
    stranger = new_client()
    entry = {"email": "ana@example.org", "first_name": "Ana", "password": PASSWORD}
    assert stranger.submit("/sign-up", entry).status_code == 303
    assert come_back(client, word, next="/me").location == "/sign-in?next=/me"
    assert not [user for user in rows(User) if user.github_id or user.google_id]
    client.submit("/reset", {"email": "ana@example.org"})
    client.submit(f"/reset/{mails()[-1].token()}", {"password": "an entirely different phrase"})
    assert sign_in(client, "ana@example.org", "an entirely different phrase").status_code == 303
    (linked,) = [user for user in rows(User) if user.github_id or user.google_id]
    assert (linked.email, linked.email_proven_at is not None) == ("ana@example.org", True)
    assert stranger.get("/me").status_code == 302
    assert sign_in(stranger, "ana@example.org").status_code == 422


def test_an_identity_of_a_disabled_account_keeps_nobody_out_of_another(client, provider, word):
    former = auth.user(disabled_at="2026-01-01T00:00:00Z", email="former@example.org", **identity(word))
    owner = auth.user(email="ana@example.org")
    assert come_back(client, word).location == "/sign-in?next=/"
    assert client.submit("/sign-in", {"email": owner.email, "password": PASSWORD}).status_code == 303
    assert [user.id for user in rows(User) if user.github_id or user.google_id] == [former.id]
    assert [session.user_id for session in rows(SignInSession)] == [owner.id]


def test_a_password_of_another_address_links_nothing(client, provider, word):
    auth.user(email="ana@example.org")
    other = auth.user()
    come_back(client, word)
    assert client.submit("/sign-in", {"email": other.email, "password": PASSWORD}).status_code == 303
    assert not [user for user in rows(User) if user.github_id or user.google_id]


def test_au_2_c_the_same_subject_elsewhere_is_another_account(client, provider):
    auth.user(**identity("github"))
    provider.becomes(email="new@example.org")
    answer = come_back(client, "google")
    assert (answer.status_code, answer.location) == (303, "/sign-up")
    assert rows(SignInSession) == []


def test_a_new_identity_signs_up(client, provider, word):
    provider.becomes(email="new@example.org")
    assert come_back(client, word).location == "/sign-up"
    page = client.page("/sign-up")
    assert page.find(attrs={"name": "first_name"})["value"] == "Ana"
    assert client.submit("/sign-up", {"first_name": "Ana", "email": "other@example.org"}).status_code == 303
    made = next(user for user in rows(User) if user.email == "new@example.org")
    assert (made.provider, made.password) == (word.upper(), None)
    assert rows(OAuthFlow) == []
    assert client.page("/me")


def test_without_open_registration_a_new_identity_needs_an_invitation(app, client, provider, word):
    app.extensions["settings"] = replace(app.extensions["settings"], open_registration=False)
    provider.becomes(email="new@example.org")
    come_back(client, word)
    assert client.get("/sign-up").status_code == 403
    assert client.submit("/sign-up", {"first_name": "Ana"}).status_code == 403
    assert "new@example.org" not in {user.email for user in rows(User)}


def test_a_refusal_at_the_provider_is_said(client, provider, word):
    provider.refuse = True
    answer = come_back(client, word)
    assert answer.location == "/sign-in"
    assert "did not confirm who you are" in client.get("/sign-in").text


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [None, 7])
def test_a_provider_that_does_not_say_where_to_go_is_refused(client, provider, missing, value):
    back = leave_for(client, "google")
    provider.discovered = {missing: value}
    assert client.get(back).location == "/sign-in"
    assert "did not say where to sign in" in client.get("/sign-in").text
    assert client.submit("/sign-in/google").location == "/sign-in"
    assert rows(SignInSession) == []


def test_a_disabled_account_stays_closed(client, provider, word):
    from_there = {**identity(word), "email": "ana@example.org"}
    auth.user(disabled_at="2026-01-01T00:00:00Z", **from_there)
    come_back(client, word)
    assert rows(SignInSession) == []


def test_a_statement_for_another_sign_in_is_refused(client, provider, monkeypatch):
    auth.user(**identity("google"))
    real = provider.id_token
    provider.id_token = lambda grant: real(replace(grant, nonce="of another browser"))
    assert come_back(client, "google").location == "/sign-in"
    provider.id_token = lambda grant: real(replace(grant, client_id="another client"))
    assert come_back(client, "google").location == "/sign-in"
    assert rows(SignInSession) == []


def test_who_has_no_password_confirms_with_the_provider(client, provider, word):
    person = auth.user(**identity(word))
    long_ago = datetime.now(UTC) - timedelta(minutes=16)
    client.set_cookie("session", auth.sign_in_token(person, reauthenticated_at=long_ago))
    asked = client.get("/me/email").location
    form = client.page(asked).select_one("main form")
    assert (form["action"], form.find(attrs={"name": "next"})["value"]) == (f"/sign-in/{word}", "/me/email")
    assert f"form-action 'self' {provider.url}" in client.get(asked).headers["Content-Security-Policy"]
    assert come_back(client, word, next="/me/email").location == "/me/email"
    client.page("/me/email")


def test_linking_and_removing(client, provider, word):
    user = auth.user()
    client.sign_in(user)
    assert client.page("/me/sign-in-methods")
    answer = client.submit(f"/me/sign-in-methods/{word}")
    back = httpx2.get(answer.location).headers["location"]
    assert client.get(back[back.index("/sign-in/") :]).location == "/me/sign-in-methods"
    assert getattr(next(u for u in rows(User) if u.id == user.id), f"{word}_id") == "1001"
    for _ in range(2):
        assert client.submit(f"/me/sign-in-methods/{word}/remove").status_code == 303
    assert getattr(next(u for u in rows(User) if u.id == user.id), f"{word}_id") is None
    assert len(rows(AuditEvent, action="identity.unlink")) == 1


def test_linking_and_confirming_end_the_former_token(client, new_client, provider, word):
    """A copy of the cookie from before works no longer, and there is one session of the browser."""
    user, copied = auth.user(), new_client()
    copied.set_cookie("session", client.sign_in(user).get_cookie("session").value)
    back = httpx2.get(client.submit(f"/me/sign-in-methods/{word}").location).headers["location"]
    assert client.get(back[back.index("/sign-in/") :]).location == "/me/sign-in-methods"
    assert (client.get("/me").status_code, copied.get("/me").status_code) == (200, 302)
    copied.set_cookie("session", client.get_cookie("session").value)
    assert come_back(client, word, next="/me/email").location == "/me/email"
    assert (client.get("/me").status_code, copied.get("/me").status_code) == (200, 302)
    assert len(rows(SignInSession, user_id=user.id)) == 1


def test_an_identity_in_use_is_not_linked_twice(client, provider, word):
    auth.user(**identity(word))
    client.sign_in(auth.user())
    answer = client.submit(f"/me/sign-in-methods/{word}")
    back = httpx2.get(answer.location).headers["location"]
    assert client.get(back[back.index("/sign-in/") :]).status_code == 409


def test_the_last_way_in_stays(client, provider, word):
    client.sign_in(auth.user(**identity(word)))
    assert client.submit(f"/me/sign-in-methods/{word}/remove").status_code == 409


def test_a_provider_that_is_set_up_no_more_is_no_other_way_in(app, client, provider, word):
    other = {"github": "google", "google": "github"}[word]
    user = auth.user(**identity(word), **{f"{other}_id": "2002"})
    client.sign_in(user)
    app.extensions["settings"] = replace(app.extensions["settings"], **{other: None})
    assert client.submit(f"/me/sign-in-methods/{word}/remove").status_code == 409
    assert getattr(rows(User, id=user.id)[0], f"{word}_id") == "1001"


def test_unknown_and_unconfigured_providers_do_not_exist(client, connection):
    auth.user()
    assert client.submit("/sign-in/github").status_code == 404
    assert client.submit("/sign-in/gitlab").status_code == 404


def test_an_invited_address_joins_with_its_identity(app, client, provider, word):
    app.extensions["settings"] = replace(app.extensions["settings"], open_registration=False)
    provider.becomes(email="new@example.org")
    org = orgs.org()
    owner = orgs.member(org, role="owner")
    _, token = orgs.invitation(org, email="new@example.org", role="viewer", invited_by=owner.id)
    assert client.get(f"/invitations/{token}").status_code == 302
    assert come_back(client, word).location == "/sign-up"
    assert client.submit("/sign-up", {"first_name": "Ana"}).status_code == 303
    made = next(user for user in rows(User) if user.email == "new@example.org")
    assert [(m.org_id, m.role) for m in rows(OrgMember) if m.user_id == made.id] == [(org.id, "viewer")]
