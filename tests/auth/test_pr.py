"""PR-1 to PR-3: reset links."""

from datetime import UTC, datetime, timedelta

import pytest

from app.auth.models import PasswordReset, SignInSession
from app.web.security import hash_token
from tests.factories import auth
from tests.factories.rows import rows, save, stored

NEW = "an entirely different phrase"


def ask(client, email):
    return client.submit("/reset", {"email": email})


def use(client, token, password=NEW):
    return client.submit(f"/reset/{token}", {"password": password})


def resets(mails):
    return [mail.token() for mail in mails() if mail.template == "password_reset"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "99"},
    ],
)
def test_pr_1_the_link_begins_with_the_configured_address(client, mails, headers):
    person = auth.user()
    answer = client.submit("/reset", {"email": person.email}, headers=headers)
    assert "evil" not in answer.text + str(answer.headers)
    (mail,) = mails()
    assert mail.context["reset_url"].startswith("http://localhost:8000/reset/")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example"])
def test_pr_1_a_foreign_host_is_refused(client, mails, host):
    person = auth.user()
    token = client.token()
    answer = client.post("/reset", data={"email": person.email, "csrf_token": token}, headers={"Host": host})
    assert (answer.status_code, mails()) == (400, [])


def test_pr_2_a_link_works_once(client, mails):
    person = auth.user()
    ask(client, person.email)
    (token,) = resets(mails)
    assert client.get(f"/reset/{token}").location == "/reset/new"
    assert client.page("/reset/new").find("input", attrs={"name": "password"})
    assert client.submit("/reset/new", {"password": NEW}).location == "/sign-in"
    assert (use(client, token).status_code, client.get(f"/reset/{token}").status_code) == (410, 410)
    assert client.get("/reset/new").status_code == 410


def test_pr_2_the_address_keeps_no_token_and_no_page_is_told(client, mails):
    ask(client, auth.user().email)
    (token,) = resets(mails)
    for answer in (client.get(f"/reset/{token}"), client.get("/reset/new"), client.get("/reset/unknown")):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert token not in answer.text


def test_pr_2_a_refused_password_leaves_the_link_usable(client, mails):
    ask(client, auth.user().email)
    (token,) = resets(mails)
    assert use(client, token, "password1").status_code == 422
    assert use(client, token).status_code == 303


def test_the_address_of_the_account_is_no_new_password(client, mails):
    person = auth.user()
    ask(client, person.email)
    (token,) = resets(mails)
    assert use(client, token, person.email.upper()).status_code == 422
    assert use(client, token).status_code == 303


def test_pr_2_an_expired_link_is_gone(client):
    person, past = auth.user(), datetime.now(UTC) - timedelta(seconds=1)
    save(PasswordReset(user_id=person.id, token_hash=hash_token("old"), expires_at=past))
    assert (client.get("/reset/old").status_code, use(client, "old").status_code) == (410, 410)


def test_pr_2_only_the_newest_link_works(client, mails):
    person = auth.user()
    ask(client, person.email)
    ask(client, person.email)
    first, second = resets(mails)
    assert (use(client, first).status_code, use(client, second).status_code) == (410, 303)


def test_pr_2_a_sign_in_ends_the_link(client, new_client, mails, sign_in):
    person = auth.user()
    ask(client, person.email)
    assert sign_in(new_client(), person.email).status_code == 303
    assert use(client, resets(mails)[0]).status_code == 410


def test_pr_2_the_database_knows_a_hash_only(client, mails):
    ask(client, auth.user().email)
    (token,), (row,) = resets(mails), rows(PasswordReset)
    assert row.token_hash == hash_token(token)


def test_pr_3_six_requests_mail_five(client, mails):
    person = auth.user()
    answers = {
        (answer.status_code, answer.location) for answer in (ask(client, person.email) for _ in range(6))
    }
    assert (answers, len(resets(mails))) == ({(303, "/reset/sent")}, 5)


def test_pr_3_other_accounts_get_no_mail_and_the_same_answer(client, mails):
    disabled, external = auth.user(disabled_at=datetime.now(UTC)), auth.user(password=None)
    for email in ("nobody@example.org", disabled.email, external.email):
        assert ask(client, email).location == "/reset/sent"
    assert mails() == []


def test_pr_3_a_reset_ends_other_sessions_and_is_mailed(client, new_client, mails, sign_in):
    person = auth.user()
    new_client(person)
    ask(client, person.email)
    assert use(client, resets(mails)[0]).status_code == 303
    assert rows(SignInSession, user_id=person.id) == []
    assert mails()[-1].template == "account_changed"
    assert sign_in(client, person.email).status_code == 422
    assert sign_in(client, person.email, NEW).status_code == 303
    assert stored(person).password.startswith("$argon2id$")


def test_pr_3_the_session_that_resets_goes_on_under_another_token(client, new_client, mails):
    person, copied = auth.user(), new_client()
    copied.set_cookie("session", client.sign_in(person).get_cookie("session").value)
    ask(client, person.email)
    assert use(client, resets(mails)[0]).status_code == 303
    assert "Sign in with it" not in client.page("/me").find(id="toasts").text
    assert (client.get("/me").status_code, copied.get("/me").status_code) == (200, 302)
