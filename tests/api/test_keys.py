"""AP-1: who shows a key is let in as its person, in its organisation, within its scopes, and by nothing else."""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.orgs.models import ApiKey, OrgMember
from app.web.access import SCOPES, role_has
from app.web.security import hash_token
from tests.conformance import inventory
from tests.factories import orgs, world
from tests.factories.rows import rows, save, stored
from tests.support.database import as_owner

AGENTS = "/api/v1/agents"
PROBLEM = "application/problem+json"
LOCK_SECONDS = 4


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {key}"},
        {"Authorization": "bearer {key}"},
        {"X-API-Key": "{key}"},
        {"Authorization": "Bearer {key}", "X-API-Key": "{key}"},
    ],
)
def test_ap_1_the_key_works_in_both_headers_with_the_same_scope(client, program, home, headers):
    reader = program(home, scopes=["agents:read"])
    sent = {name: value.format(key=reader.secret) for name, value in headers.items()}
    assert client.get(AGENTS, headers=sent).status_code == 200
    assert client.post(AGENTS, headers=sent, json={"name": "New"}).status_code == 403


def test_who_shows_two_keys_is_told_to_show_one(client, ours):
    answer = client.get(AGENTS, headers={"Authorization": "Bearer agp_other", "X-API-Key": ours.secret})
    words = "Send one API key, as Authorization: Bearer or as X-API-Key."
    assert (answer.status_code, answer.json["detail"]) == (401, words)


def test_the_log_names_the_key_and_its_person_and_no_secret(client, ours, home, caplog):
    caplog.set_level(logging.INFO)
    ours.get(AGENTS)
    client.get(AGENTS)
    known, unknown = (line for line in caplog.records if line.getMessage() == "request")
    (key,) = rows(ApiKey, key_hash=hash_token(ours.secret))
    assert (known.user_id, known.key_id) == (str(home.owner.id), str(key.id))
    assert (unknown.user_id, unknown.key_id) == (None, None)
    assert ours.secret not in str(known.__dict__)


def test_ap_1_the_key_is_read_nowhere_else(client, ours):
    client.set_cookie("session", ours.secret)
    client.set_cookie("X-API-Key", ours.secret)
    for query in ("api_key", "key", "access_token", "token", "X-API-Key", "Authorization"):
        answer = client.get(AGENTS, query_string={query: ours.secret})
        assert (answer.status_code, answer.mimetype) == (401, PROBLEM), query
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.post(AGENTS, json={"name": "x", "api_key": ours.secret}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer agp_unknown"},
        {"Authorization": "Basic {key}"},
        {"Authorization": "{key}"},
        {"Authorization": "Bearer {key}", "X-API-Key": "agp_other"},
        {"Authorization": "Bearer {key}x"},
        {"X-API-Key": "\u00ff{key}"},
        {"X-API-Key": "x" * 5000},
    ],
)
def test_ap_1_anything_else_is_no_key(client, ours, headers):
    sent = {name: value.format(key=ours.secret) for name, value in headers.items()}
    assert client.get(AGENTS, headers=sent).status_code == 401


def test_ap_1_a_session_is_no_key(new_client, home):
    assert new_client(home.owner).get(AGENTS).status_code == 401


def test_ap_1_a_key_is_no_session(client, ours, home):
    answer = client.get(f"/o/{home.org.slug}/agents", headers={"Authorization": f"Bearer {ours.secret}"})
    assert (answer.status_code, answer.location[:8]) == (302, "/sign-in")


def ended(**values):
    def act(key, _tenant):
        for name, value in values.items():
            setattr(key, name, value)
        save(key)

    return act


def without_membership(key, tenant):
    with as_owner() as session:
        (member,) = rows(OrgMember, org_id=tenant.org.id, user_id=key.user_id)
        session.delete(session.merge(member))


def disabled(_key, tenant):
    tenant.owner.disabled_at = datetime.now(UTC)
    save(tenant.owner)


@pytest.mark.parametrize(
    "end",
    [
        ended(revoked_at=datetime.now(UTC)),
        ended(expires_at=datetime.now(UTC) - timedelta(seconds=1)),
        without_membership,
        disabled,
    ],
)
def test_se_3_a_key_ends_with_its_life_its_person_and_their_membership(program, home, end):
    ours = program(home)
    assert ours.get(AGENTS).status_code == 200
    end(ours.key, home)
    assert ours.get(AGENTS).status_code == 401


def test_se_3_a_key_can_do_no_more_than_the_role_of_its_person_at_that_moment(program, home):
    ours = program(home, "member")
    assert ours.post(AGENTS, {"name": "As member"}).status_code == 201
    (member,) = rows(OrgMember, org_id=home.org.id, user_id=home.people["member"].id)
    member.role = "viewer"
    save(member)
    refused = ours.post(AGENTS, {"name": "As viewer"})
    assert refused.status_code == 403
    assert "viewer" in refused.json["detail"]
    assert ours.get(AGENTS).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "member", "admin", "owner"])
def test_rm_1_every_route_asks_for_its_scope_and_its_right(app, connection, program, home, state, role):
    complete = program(home, role)
    limited = {scope: program(home, role, scopes=[scope]) for scope in SCOPES}
    nothing = program(home, role, scopes=[])
    complete.get("/api/v1/orgs")
    before, wrong = state(), []
    for call in inventory.api_calls(app, home):
        may = role_has(role, SCOPES[call.access.right])
        for scope, caller in {**limited, "": nothing, "all": complete}.items():
            allowed = may and scope in {call.access.right, "all"}
            with connection.begin_nested() as attempt:
                status = caller.call(call.method, call.path).status_code
                if (status == 403) == allowed or status == 401 or status >= 500:
                    wrong.append(f"{call} with {scope or 'no scope'}: {status}")
                if not allowed and state() != before:
                    wrong.append(f"{call} with {scope or 'no scope'}: refused, but something changed")
                attempt.rollback()
    assert wrong == []


def test_k1_every_route_wants_a_key(app, client, home, state):
    before = state()
    for call in inventory.api_calls(app, home):
        answer = client.open(call.path, method=call.method, headers={"HX-Request": "true"})
        assert (answer.status_code, answer.mimetype) in {(401, call.problem), (429, call.problem)}, call
    assert state() == before


def test_the_moment_of_use_is_kept_to_the_minute(ours):
    ours.get(AGENTS)
    first = stored(ours.key).last_used_at
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    ours.get(AGENTS)
    assert stored(ours.key).last_used_at == first
    key = stored(ours.key)
    key.last_used_at = first - timedelta(minutes=2)
    save(key)
    ours.get(AGENTS)
    assert stored(ours.key).last_used_at > key.last_used_at


def test_a_change_is_noted_in_the_name_of_the_person_and_the_key(ours, home):
    ours.post(AGENTS, {"name": "Made by a program"})
    (event,) = rows(AuditEvent, target_label="Made by a program")
    assert event.actor_id == home.owner.id
    assert event.actor_label == f"{home.owner.email} ({ours.key.name})"


def test_k8_a_program_that_asks_too_often_waits(app, program, home, monkeypatch):
    monkeypatch.setitem(app.extensions, "settings", replaced(app, api_requests_per_minute=3))
    ours, other = program(home), program(home)
    answers = [ours.get(AGENTS) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    last = answers[-1]
    assert last.headers["RateLimit-Limit"] == "3"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert (last.mimetype, last.json["status"]) == (PROBLEM, 429)
    assert other.get(AGENTS).status_code == 200


def test_all_keys_of_an_organisation_together_have_a_limit_too(app, program, home, theirs, monkeypatch):
    monkeypatch.setitem(app.extensions, "settings", replaced(app, api_requests_per_minute_of_org=3))
    keys = [program(home), program(home)]
    assert [key.get(AGENTS).status_code for key in keys * 2] == [200, 200, 200, 429]
    assert program(theirs).get(AGENTS).status_code == 200


def test_k8_guessing_keys_ends_soon(client, home):
    statuses = [
        client.get(AGENTS, headers={"X-API-Key": f"agp_{number}"}).status_code for number in range(70)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def replaced(app, **values):
    return replace(app.extensions["settings"], **values)


def test_noting_the_use_waits_for_nobody(live):
    home = world.tenant("Homecanary")
    key, secret = orgs.api_key(home.org, home.owner)
    with live.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM api_keys WHERE id = %s FOR UPDATE", [key.id])
        started = time.monotonic()
        with live.client() as client:
            assert client.get(AGENTS, headers={"X-API-Key": secret}).status_code == 200
        assert time.monotonic() - started < LOCK_SECONDS
    assert stored(key).last_used_at is None
