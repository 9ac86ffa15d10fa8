"""CS: nothing changes without the session's token, and nothing changes by looking."""

import pytest

from app.web.security import CSRF_FIELD
from tests.conformance import inventory
from tests.factories import world
from tests.support.client import SAME_ORIGIN

REFUSED = {
    "absent": {},
    "empty": {CSRF_FIELD: ""},
    "random": {CSRF_FIELD: "0" * 64},
    "another field": {"csrf": "TOKEN"},
}
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
)


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def unsafe(app, home):
    return [
        call for call in inventory.calls(app, home) if not call.safe and call.access.kind != "platform_admin"
    ]


@pytest.mark.parametrize("how", REFUSED)
def test_cs_1_a_form_without_the_token_is_refused(new_client, home, unsafe, state, how):
    client = new_client(home.owner)
    token, before = client.token(), state()
    data = {name: value.replace("TOKEN", token) for name, value in REFUSED[how].items()}
    statuses = {
        str(call): client.post(call.path, data=data, headers=SAME_ORIGIN).status_code for call in unsafe
    }
    assert {call: status for call, status in statuses.items() if status != 400} == {}
    assert state() == before


@pytest.mark.parametrize("headers", FOREIGN)
def test_cs_1_the_token_from_another_site_is_refused(new_client, home, unsafe, state, headers):
    client = new_client(home.owner)
    data, before = {CSRF_FIELD: client.token()}, state()
    statuses = {str(call): client.post(call.path, data=data, headers=headers).status_code for call in unsafe}
    assert {call: status for call, status in statuses.items() if status != 400} == {}
    assert state() == before


def test_cs_1_the_token_of_another_session_is_refused(new_client, home, unsafe):
    client, token = new_client(home.owner), new_client(home.owner).token()
    for call in unsafe:
        assert client.post(call.path, data={CSRF_FIELD: token}, headers=SAME_ORIGIN).status_code == 400, call


def test_cs_1_sign_in_needs_the_token_too(new_client, home, state):
    before = state()
    data = {"email": home.owner.email, "password": "a long enough passphrase"}
    assert new_client().post("/sign-in", data=data, headers=SAME_ORIGIN).status_code == 400
    assert state() == before
    assert new_client().submit("/sign-in", data).status_code == 303


def test_cs_1_with_the_token_the_same_requests_go_through(connection, new_client, home, unsafe):
    client = new_client(home.owner)
    for call in unsafe:
        with connection.begin_nested() as attempt:
            assert client.submit(call.path).status_code != 400, call
            attempt.rollback()


def test_cs_1_the_header_carries_the_token_as_well(new_client, home):
    client = new_client(home.owner)
    headers = {"X-CSRFToken": client.token(), **SAME_ORIGIN}
    answer = client.post(f"/o/{home.org.slug}/agents/new", data={"name": "By header"}, headers=headers)
    assert answer.status_code in {204, 303}


def test_cs_2_looking_changes_nothing(app, new_client, home, state):
    client = new_client(home.owner)
    safe = [call for call in inventory.calls(app, home) if call.safe]
    for call in safe:
        before = (
            state(ignore_tables=["audit_events"])
            if ".csv" in call.rule or "export" in call.endpoint
            else state()
        )
        for _ in range(5):
            assert client.get(call.path).status_code < 500, call
            assert client.head(call.path).status_code < 500, call
        after = state(ignore_tables=["audit_events"]) if "audit_events" not in before else state()
        assert after == before, call
