"""Keys of programs as people manage them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.auth.models import SignInSession
from app.db.tables import EmailOutbox
from app.orgs.models import ApiKey
from app.web.security import hash_token
from tests.factories import orgs
from tests.factories.rows import rows, save, stored
from tests.support.queries import queries

FORM = {"name": "Nightly report", "scopes": ["agents:read", "org:read"], "days": "90"}


@pytest.fixture
def client(new_client, owner):
    return new_client(owner)


def shown_secret(page) -> str:
    return page.find(id="key-secret")["value"]


def names(page) -> list[str]:
    return [cell.a.get_text() for cell in page.find(id="results").select("tbody th[scope=row]")]


def make(client, **values):
    answer = client.submit("/o/acme/keys/new", FORM | values)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_key_is_shown_once_and_kept_as_hash_prefix_and_ending(client, org, owner, state):
    from_answer = make(client)
    assert from_answer.headers["Referrer-Policy"] == "no-referrer"
    (key,) = rows(ApiKey, org_id=org.id)
    secret = next(word for word in from_answer.text.split('"') if word.startswith("agp_"))
    assert key.key_hash == hash_token(secret)
    assert (key.prefix, key.ending) == (secret[:12], secret[-4:])
    assert (key.user_id, key.scopes) == (owner.id, ["agents:read", "org:read"])
    assert (key.expires_at - key.created_at).days == 90
    for path in ("/o/acme/keys", f"/o/acme/keys/{key.id}", "/o/acme/audit"):
        page = client.page(path).text
        assert secret not in page, path
    (event,) = rows(AuditEvent, action="api_key.create")
    assert secret not in str(event.after)
    (mail,) = rows(EmailOutbox, template="account_changed")
    assert (mail.recipient, mail.org_id) == (owner.email, org.id)


def test_a_form_sent_twice_makes_one_key_and_shows_it_once(client, org):
    first = make(client, once="same")
    second = client.submit("/o/acme/keys/new", FORM | {"once": "same"})
    (key,) = rows(ApiKey, org_id=org.id)
    assert (second.status_code, second.location) == (303, f"/o/acme/keys/{key.id}")
    assert "agp_" in first.text


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "x" * 121},
        {"name": "a\nb"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"days": "1"},
        {"days": "x"},
    ],
)
def test_a_wrong_value_is_named_and_makes_no_key(client, org, values):
    answer = client.submit("/o/acme/keys/new", FORM | values)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert rows(ApiKey, org_id=org.id) == []


def test_a_key_may_work_for_ever(client, org):
    make(client, days="0")
    assert rows(ApiKey, org_id=org.id)[0].expires_at is None


def test_the_password_is_asked_for_again_after_a_while(client, org, owner, connection):
    key, _ = orgs.api_key(org, owner)
    session = rows(SignInSession, user_id=owner.id)[0]
    session.reauthenticated_at = datetime.now(UTC) - timedelta(minutes=16)
    save(session)
    for path, back in (
        ("new", "new"),
        (f"{key.id}/rotate", f"{key.id}/rotate"),
        (f"{key.id}/revoke", f"{key.id}/revoke"),
    ):
        page, there = f"/o/acme/keys/{path}", f"/me/confirm?next=/o/acme/keys/{back}"
        assert client.get(page).location == there
        assert client.submit(page, FORM).location == f"{there}&unsent=1"
    sent = {"ids": [str(key.id)], "name": "revoke", "query": "state=active"}
    answer = client.submit("/o/acme/keys/bulk", sent)
    assert answer.location == "/me/confirm?next=/o/acme/keys?state%3Dactive"
    assert stored(key).revoked_at is None
    assert client.page("/o/acme/keys")


def test_rotating_makes_a_successor_and_leaves_the_former_key_a_while(client, org, owner):
    made, _ = orgs.api_key(org, owner, name="Nightly", scopes=["agents:read"])
    answer = client.submit(f"/o/acme/keys/{made.id}/rotate", {"hours": "24"})
    assert answer.status_code == 200
    old, new = rows(ApiKey, org_id=org.id)
    assert (new.name, new.scopes, new.expires_at) == ("Nightly", ["agents:read"], None)
    assert old.replaced_by == new.id
    assert timedelta(hours=23) < old.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert "Replaced" in client.page(f"/o/acme/keys/{old.id}").text
    again = client.submit(f"/o/acme/keys/{made.id}/rotate", {"hours": "24"})
    assert again.status_code == 409
    assert len(rows(ApiKey, org_id=org.id)) == 2
    assert len(rows(AuditEvent, action="api_key.rotate")) == 1


def test_a_rotated_key_never_lives_longer_than_it_would_have(client, org, owner):
    soon = datetime.now(UTC) + timedelta(minutes=5)
    made, _ = orgs.api_key(org, owner, expires_at=soon)
    client.submit(f"/o/acme/keys/{made.id}/rotate", {"hours": "168"})
    old, new = rows(ApiKey, org_id=org.id)
    assert old.expires_at == soon
    assert (new.expires_at - new.created_at) == (made.expires_at - made.created_at)


def test_nobody_rotates_the_key_of_another_person(client, org):
    """Its new secret would let them act as that person."""
    theirs, _ = orgs.api_key(org, orgs.member(org, "admin"))
    assert client.submit(f"/o/acme/keys/{theirs.id}/rotate", {"hours": "24"}).status_code == 403
    assert "Rotate" not in client.page(f"/o/acme/keys/{theirs.id}").main.text
    assert len(rows(ApiKey, org_id=org.id)) == 1


def test_revoking_wants_the_name_and_is_final(client, org, owner):
    key, _ = orgs.api_key(org, owner, name="Nightly")
    assert client.submit(f"/o/acme/keys/{key.id}/revoke", {"name": "Nigthly"}).status_code == 422
    assert stored(key).revoked_at is None
    answer = client.submit(f"/o/acme/keys/{key.id}/revoke", {"name": "Nightly"})
    assert answer.status_code == 303
    assert stored(key).revoked_at is not None
    assert "Revoked" in client.page(f"/o/acme/keys/{key.id}").text
    client.submit(f"/o/acme/keys/{key.id}/revoke", {"name": "Nightly"})
    assert len(rows(AuditEvent, action="api_key.revoke")) == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_many_keys_are_revoked_after_a_question(client, org, owner, htmx):
    keys = [orgs.api_key(org, owner)[0] for _ in range(3)]
    ids = [str(key.id) for key in keys[:2]]
    asked = client.submit("/o/acme/keys/bulk", {"ids": ids, "query": "per=50"}, htmx=htmx)
    assert asked.status_code == 200
    assert keys[0].name in asked.text
    assert keys[2].name not in asked.text
    assert all(stored(key).revoked_at is None for key in keys)
    assert client.submit("/o/acme/keys/bulk", {"ids": ids, "name": "yes"}, htmx=htmx).status_code == 422
    done = client.submit("/o/acme/keys/bulk", {"ids": ids, "name": "revoke", "query": "per=50"})
    assert (done.status_code, done.location) == (303, "/o/acme/keys?per=50")
    assert [stored(key).revoked_at is None for key in keys] == [False, False, True]
    offered = [client.page(f"/o/acme/keys/{key.id}").find(string="Set a limit") for key in keys[1:]]
    assert [words is None for words in offered] == [True, False]
    assert len(rows(AuditEvent, action="api_key.revoke")) == 2


def test_a_foreign_key_among_those_ticked_refuses_the_whole_call(client, org, owner):
    key, _ = orgs.api_key(org, owner)
    other, _ = orgs.api_key(orgs.org(), owner)
    ids = [str(key.id), str(other.id)]
    assert client.submit("/o/acme/keys/bulk", {"ids": ids}).status_code == 404
    assert client.submit("/o/acme/keys/bulk", {"ids": ids, "name": "revoke"}).status_code == 404
    assert stored(key).revoked_at is None


def test_the_list_filters_sorts_and_says_what_each_key_is(client, org, owner):
    now = datetime.now(UTC)
    person = orgs.member(org, "admin")
    orgs.api_key(org, owner, name="Fresh", scopes=["agents:read"], last_used_at=now)
    orgs.api_key(org, owner, name="Old", scopes=["agents:write"], expires_at=now - timedelta(days=1))
    orgs.api_key(org, person, name="Gone", scopes=["org:read"], revoked_at=now)
    assert names(client.both("/o/acme/keys")) == ["Gone", "Old", "Fresh"]
    assert names(client.both("/o/acme/keys?state=active")) == ["Fresh"]
    assert names(client.both("/o/acme/keys?state=-revoked&sort=name")) == ["Fresh", "Old"]
    assert names(client.both("/o/acme/keys?scope=agents:write&scope=org:read")) == ["Gone", "Old"]
    assert names(client.both("/o/acme/keys?scope=-org:read&sort=expires")) == ["Old", "Fresh"]
    assert names(client.both(f"/o/acme/keys?owner={person.id}")) == ["Gone"]
    assert names(client.both("/o/acme/keys?q=fre")) == ["Fresh"]
    assert names(client.both("/o/acme/keys?sort=-used")) == ["Fresh", "Gone", "Old"]


def test_the_list_needs_four_statements_and_no_more_for_more_rows(client, org, owner):
    for _ in range(30):
        orgs.api_key(org, owner)
    with queries(max=4):
        client.get("/o/acme/keys?per=50")


def test_a_pasted_id_leads_to_its_key(client, org, owner):
    key, _ = orgs.api_key(org, owner)
    assert client.get(f"/o/acme/keys?q=key_{key.id}").location == f"/o/acme/keys/{key.id}"
