from datetime import UTC, datetime

import pytest

from app.auth.models import SignInSession
from tests.factories import auth
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows

WRONG = "The e-mail address or the password is not right."


def test_a_person_signs_in_and_out(client, sign_in):
    person = auth.user()
    response = sign_in(client, person.email.upper(), next="/me")
    assert (response.status_code, response.location) == (303, "/me")
    session = rows(SignInSession, user_id=person.id)
    assert len(session) == 1
    assert client.get("/sign-in").status_code == 303
    response = client.submit("/sign-out")
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert rows(SignInSession, user_id=person.id) == []


@pytest.mark.parametrize("given", [{"password": "another one"}, {"password": PASSWORD.upper()}])
def test_a_wrong_password_is_refused(client, sign_in, given):
    person = auth.user()
    response = sign_in(client, person.email, **given)
    assert (response.status_code, WRONG in response.text) == (422, True)
    assert rows(SignInSession, user_id=person.id) == []


def test_the_eleventh_attempt_in_a_minute_is_refused_with_the_right_password_too(client, sign_in):
    person = auth.user()
    for _ in range(10):
        assert sign_in(client, person.email, "wrong password").status_code == 422
    response = sign_in(client, person.email)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert "Too many attempts. Wait " in response.text


def test_other_spellings_of_an_address_do_not_count_apart(client, sign_in):
    """The sign of the unit kelvin is a k in small letters, but no address may hold it."""
    person = auth.user(email="kim@example.org")
    for spelling in (
        "kim@example.org",
        "KIM@Example.org",
        "\u212aim@example.org",
        "\u212aIM@example.org",
    ) * 3:
        answer = sign_in(client, spelling, "wrong password")
    assert answer.status_code == 429
    assert sign_in(client, "\u212aIm@example.org").status_code == 429
    assert rows(SignInSession, user_id=person.id) == []


def test_success_does_not_count(new_client, sign_in):
    person = auth.user()
    for _ in range(12):
        assert sign_in(new_client(), person.email).status_code == 303


def test_a_browser_is_announced_once(client, mails, sign_in):
    person = auth.user()
    for _ in range(2):
        sign_in(client, person.email)
        client.submit("/sign-out")
    (mail,) = mails()
    assert (mail.recipient, mail.template) == (person.email, "new_sign_in")


def test_a_disabled_account_gets_the_same_answer(client, sign_in):
    person = auth.user(disabled_at=datetime.now(UTC))
    response = sign_in(client, person.email)
    assert (response.status_code, WRONG in response.text) == (422, True)


@pytest.mark.parametrize("next_path", ["//evil.example", "https://evil.example/", "/\\evil.example", "/\x01"])
def test_the_way_back_cannot_leave_the_site(client, sign_in, next_path):
    assert sign_in(client, auth.user().email, next=next_path).location == "/"
