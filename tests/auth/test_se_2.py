"""SE-2: what a browser held before it signed out is worth nothing afterwards."""

from itertools import combinations

import pytest

from app.auth.models import SignInSession
from tests.factories import auth
from tests.factories.rows import rows


def cookies(client):
    return {key[2]: cookie.value for key, cookie in client._cookies.items()}


@pytest.fixture
def copied(client, sign_in):
    """Every cookie of a session that has ended since."""
    assert sign_in(client, auth.user().email).status_code == 303
    held = cookies(client)
    assert client.get("/me").status_code == 200
    client.submit("/sign-out")
    return held


def test_copied_cookies_lead_to_sign_in(copied, new_client):
    sets = [
        dict(chosen) for size in range(1, len(copied) + 1) for chosen in combinations(copied.items(), size)
    ]
    assert any("session" in chosen for chosen in sets)
    for chosen in sets:
        visitor = new_client()
        for name, value in chosen.items():
            visitor.set_cookie(name, value)
        answer = visitor.get("/me")
        assert (answer.status_code, answer.location) == (302, "/sign-in?next=/me"), list(chosen)
    assert rows(SignInSession) == []


def test_a_planted_session_stays_anonymous(new_client, sign_in):
    visitor = new_client()
    visitor.set_cookie("session", "planted")
    token = visitor.token()
    answer = visitor.submit(
        "/sign-in", {"email": auth.user().email, "password": auth.PASSWORD, "csrf_token": token}
    )
    assert answer.status_code == 303
    assert cookies(visitor)["session"] != "planted"
    thief = new_client()
    thief.set_cookie("session", "planted")
    assert thief.get("/me").status_code == 302
