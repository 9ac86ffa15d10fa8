"""What happens at the same moment: real processes, real commits, one winner."""

import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from app.audit.models import AuditEvent
from app.auth.models import EmailChange, PasswordReset, RecoveryCode, SignInSession, TotpDevice, User
from app.orgs.models import ApiKey, Invitation, Org, OrgMember
from app.orgs.services.setup import setup_link
from app.web.security import hash_token
from tests.factories import auth, orgs
from tests.factories.rows import rows, save, stored
from tests.support.pages import parse

PERSON = {"first_name": "Bea", "last_name": "Berg", "password": "a long enough passphrase"}
AT_ONCE = 6
NEW = "an entirely different phrase"
HOLD = "SELECT FROM users WHERE id = %s FOR UPDATE"


@pytest.fixture
def together(live):
    """A function that sends prepared requests at the same moment and returns their statuses, sorted."""

    def send(requests):
        with ThreadPoolExecutor(len(requests)) as pool:
            return sorted(response.status_code for response in pool.map(lambda request: request(), requests))

    return send


def prepared(client, form_url, url, data):
    """A function that posts a form whose page was loaded before."""
    token = parse(client.get(form_url).text).find("input", attrs={"name": "csrf_token"})["value"]
    return lambda: client.post(
        url, data={"csrf_token": token, **data}, headers={"Sec-Fetch-Site": "same-origin"}
    )


@pytest.fixture
def clients(live):
    """A function that returns clients of the running product, one per person given (None: nobody)."""
    with ExitStack() as stack:
        yield lambda people: [stack.enter_context(live.client(person)) for person in people]


def test_two_claims_have_one_winner(clients, together):
    """The first run: the loser finds no /setup any more."""
    token = setup_link().partition("token=")[2]
    data = {**PERSON, "token": token, "org_name": "Acme"}
    statuses = together(
        [
            prepared(client, "/setup", "/setup", {**data, "email": f"person{number}@example.org"})
            for number, client in enumerate(clients([None] * AT_ONCE))
        ]
    )
    assert statuses == [303] + [404] * (AT_ONCE - 1)
    assert (len(rows(User)), len(rows(Org)), len(rows(OrgMember))) == (1, 1, 1)


def test_invitations_accepted_in_parallel_have_one_winner(clients, together):
    """IN: one link, several browsers."""
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner")
    _, token = orgs.invitation(org, email="b@example.org", invited_by=owner.id)
    requests = []
    for client in clients([None] * AT_ONCE):
        client.get(f"/invitations/{token}")
        requests.append(prepared(client, "/invitations/open", "/invitations/open", PERSON))
    statuses = together(requests)
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 410}
    assert len(rows(User, email="b@example.org")) == 1
    assert len(rows(AuditEvent, action="invitation.accept")) == 1


def test_accept_against_revoke_agrees_with_the_audit(clients, together):
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner")
    for number in range(4):
        email = f"p{number}@example.org"
        invitation, token = orgs.invitation(org, email=email, invited_by=owner.id)
        guest, host = clients([None, owner])
        guest.get(f"/invitations/{token}")
        join = prepared(guest, "/invitations/open", "/invitations/open", PERSON)
        path = f"/o/acme/invitations/{invitation.id}/revoke"
        together([join, prepared(host, "/o/acme/invitations/new", path, {})])
        (after,) = rows(Invitation, id=invitation.id)
        noted = {event.action for event in rows(AuditEvent, target_id=invitation.id)}
        assert (after.accepted_at is None) != (after.revoked_at is None)
        assert noted == {"invitation.accept" if after.accepted_at else "invitation.revoke"}
        assert len(rows(User, email=email)) == (1 if after.accepted_at else 0)


def test_an_owner_remains_when_all_step_down_at_once(clients, together):
    """RM-2: each takes the own ownership away; the last one keeps it."""
    org = orgs.org(slug="acme")
    owners = [orgs.member(org, "owner", auth.user()) for _ in range(4)]
    requests = []
    for number, (owner, client) in enumerate(zip(owners, clients(owners), strict=True)):
        member = rows(OrgMember, user_id=owner.id)[0].id
        page = f"/o/acme/members/{member}"
        step = f"{page}/role" if number % 2 else "/o/acme/members/leave"
        requests.append(prepared(client, page, step, {"role": "member"}))
    assert together(requests) == [303, 303, 303, 409]
    assert len(rows(OrgMember, org_id=org.id, role="owner")) == 1


def test_two_invitations_of_one_address_leave_one_link(clients, together):
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner")
    page = "/o/acme/invitations/new"
    data = {"email": "b@example.org", "role": "member"}
    statuses = together([prepared(client, page, page, data) for client in clients([owner] * AT_ONCE)])
    assert statuses == [200] * AT_ONCE
    assert len(rows(Invitation, revoked_at=None)) == 1


def test_organisations_of_one_name_get_different_addresses(clients, together):
    person = auth.user()
    page = "/orgs/new"
    requests = [prepared(client, page, page, {"name": "Acme"}) for client in clients([person] * AT_ONCE)]
    assert together(requests) == [303] * AT_ONCE
    assert sorted(org.slug for org in rows(Org)) == ["acme", *(f"acme-{number}" for number in range(2, 7))]


def test_two_owners_who_delete_their_accounts_leave_one(clients, together):
    auth.platform_admin()
    org = orgs.org(slug="acme")
    owners = [orgs.member(org, "owner") for _ in range(2)]
    requests = [
        prepared(client, "/me/delete", "/me/delete", {"name": owner.email})
        for client, owner in zip(clients(owners), owners, strict=True)
    ]
    assert together(requests) == [303, 409]
    assert len(rows(OrgMember, role="owner")) == 1


def test_two_administrators_who_demote_each_other_leave_one(clients, together):
    admins = [auth.platform_admin() for _ in range(2)]
    requests = [
        prepared(client, f"/platform/users/{other.id}", f"/platform/users/{other.id}/demote", {})
        for client, other in zip(clients(admins), reversed(admins), strict=True)
    ]
    statuses = together(requests)
    assert statuses[0] == 303
    assert statuses[1] in {404, 409}
    assert len(rows(User, role="ADMIN")) == 1


@pytest.fixture
def queued(live):
    """A function that sends requests one after another while a statement holds what they need; their statuses."""

    def send(requests, statement, *values):
        with ThreadPoolExecutor(len(requests)) as pool:
            with live.connect() as connection, connection.transaction():
                connection.execute(statement, values)
                answers = []
                for number, request in enumerate(requests, 1):
                    answers.append(pool.submit(request))
                    wait_until_blocked(connection, number)
            return [answer.result().status_code for answer in answers]

    return send


def test_an_administrators_deletion_and_anothers_acceptance_do_not_lock_each_other_out(queued, clients):
    """Both need the organisation's row and those of the administrators; while the test holds one, they queue up."""
    leaver, joiner = auth.platform_admin(), auth.platform_admin()
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner")
    orgs.member(org, "member", leaver)
    _, token = orgs.invitation(org, email=joiner.email, invited_by=owner.id)
    own, guest = clients([leaver, joiner])
    guest.get(f"/invitations/{token}")
    requests = [
        prepared(own, "/me/delete", "/me/delete", {"name": leaver.email}),
        prepared(guest, "/invitations/open", "/invitations/open", {}),
    ]
    assert queued(requests, HOLD, joiner.id) == [303, 303]
    assert {row.user_id for row in rows(OrgMember, org_id=org.id)} == {owner.id, joiner.id}


def test_an_organisation_made_the_default_is_not_deleted_meanwhile(queued, clients):
    admin, org = auth.platform_admin(), orgs.org(name="Acme", slug="acme")
    owner = orgs.member(org, "owner")
    desk, host = clients([admin, owner])
    requests = [
        prepared(desk, "/platform/orgs", "/platform/default-org", {"org_id": str(org.id)}),
        prepared(host, "/o/acme/settings/delete", "/o/acme/settings/delete", {"name": "Acme"}),
    ]
    assert queued(requests, "INSERT INTO platform_settings (id) VALUES (1)") == [303, 303]
    assert rows(Org) == []


def test_whoever_is_made_the_only_owner_while_deleting_their_account_leaves_no_org_without_one(live, clients):
    """The deletion is held at the person's row, meanwhile they become an owner and the other owner leaves."""
    auth.platform_admin()
    org = orgs.org(slug="acme")
    owner, person = orgs.member(org, "owner"), orgs.member(org, "member")
    page = f"/o/acme/members/{rows(OrgMember, user_id=person.id)[0].id}"
    host, own = clients([owner, person])
    delete = prepared(own, "/me/delete", "/me/delete", {"name": person.email})
    promote = prepared(host, page, f"{page}/role", {"role": "owner"})
    leave = prepared(host, "/o/acme/members/leave", "/o/acme/members/leave", {})
    with ThreadPoolExecutor(2) as pool:
        with live.connect() as connection, connection.transaction():
            connection.execute(HOLD, (person.id,))
            deleting = pool.submit(delete)
            wait_until_blocked(connection)
            stepping_down = pool.submit(lambda: [promote().status_code, leave().status_code])
            wait([stepping_down], timeout=2)
        assert deleting.result().status_code in {303, 409}
        stepping_down.result()
    assert rows(OrgMember, org_id=org.id, role="owner")


def test_a_key_made_while_its_person_is_removed_never_works(live, clients):
    org = orgs.org(slug="acme")
    owner, admin = orgs.member(org, "owner"), orgs.member(org, "admin")
    page = f"/o/acme/members/{rows(OrgMember, user_id=admin.id)[0].id}/remove"
    host, own = clients([owner, admin])
    remove = prepared(host, page, page, {})
    new = "/o/acme/keys/new"
    make = prepared(own, new, new, {"name": "Late", "scopes": "org:read", "days": "90", "once": "this form"})
    with ThreadPoolExecutor(1) as pool:
        with live.connect() as connection, connection.transaction():
            connection.execute(HOLD, (admin.id,))
            making = pool.submit(make)
            wait_until_blocked(connection)
            assert remove().status_code == 303
        assert making.result().status_code == 404
    assert rows(ApiKey) == []


def test_what_is_added_to_an_organisation_that_is_being_deleted_is_refused(live, clients):
    org = orgs.org(slug="acme")
    (client,) = clients([orgs.member(org)])
    add = prepared(client, "/o/acme/agents/new", "/o/acme/agents/new", {"name": "Late"})
    with ThreadPoolExecutor(1) as pool:
        with live.connect() as connection, connection.transaction():
            connection.execute("DELETE FROM orgs WHERE id = %s", (org.id,))
            answer = pool.submit(add)
            wait_until_blocked(connection)
        assert answer.result().status_code == 409


@pytest.fixture
def person(live):
    """Somebody with a link that sets a new password and one that confirms a new address, both `link`."""
    found = auth.user(password=PasswordHasher().hash(auth.PASSWORD))
    link = {"user_id": found.id, "token_hash": hash_token("link")}
    soon = datetime.now(UTC) + timedelta(minutes=60)
    save(PasswordReset(expires_at=soon, **link))
    save(EmailChange(expires_at=soon, email="new@example.org", former_email=found.email, **link))
    return found


@pytest.mark.parametrize(
    ("page", "given", "status"),
    [
        ("/reset/new", {"password": NEW}, 410),  # the sign-in ends the link
        ("/reset", {"email": "{email}"}, 303),
    ],
)
def test_a_sign_in_and_a_reset_do_not_lock_each_other_out(clients, queued, person, page, given, status):
    browser, phone = clients([None, None])
    phone.get("/reset/link")
    known = {"email": person.email, "password": auth.PASSWORD}
    given = {name: value.format(email=person.email) for name, value in given.items()}
    requests = [prepared(browser, "/sign-in", "/sign-in", known), prepared(phone, page, page, given)]
    assert queued(requests, HOLD, person.id) == [303, status]
    assert len(rows(SignInSession, user_id=person.id)) == 1


@pytest.mark.parametrize(
    ("page", "given", "status"),
    [
        ("/email-changes/confirm", {}, 410),  # the new password ends the link
        ("/me/email", {"email": "newer@example.org"}, 303),
    ],
)
def test_a_new_password_and_a_new_address_do_not_lock_each_other_out(
    clients, queued, person, page, given, status
):
    own, phone = clients([person, person])
    phone.get("/email-changes/link")
    passwords = {"current_password": auth.PASSWORD, "password": NEW}
    requests = [prepared(own, "/me/password", "/me/password", passwords), prepared(phone, page, page, given)]
    assert queued(requests, HOLD, person.id) == [303, status]
    assert stored(person).email == person.email


@pytest.fixture
def squatted(live):
    """An account that a stranger may have registered, and its key; the mailed `link` proves its address."""
    found = auth.user(password=PasswordHasher().hash(auth.PASSWORD), email_proven_at=None)
    soon = datetime.now(UTC) + timedelta(minutes=60)
    save(PasswordReset(user_id=found.id, token_hash=hash_token("link"), mailed=True, expires_at=soon))
    org = orgs.org(slug="acme")
    key, _ = orgs.api_key(org, orgs.member(org, "owner", found))
    return found, key


@pytest.mark.parametrize(
    "form",
    [
        ("/me/two-factor", {}, 303),
        ("/o/acme/keys/new", {"name": "Late", "scopes": "org:read", "days": "90", "once": "this form"}, 200),
        ("/o/acme/keys/{key}/rotate", {"hours": "24"}, 200),
    ],
)
@pytest.mark.parametrize("late", [True, False])
def test_nothing_a_stranger_sets_up_outlives_the_first_proof(clients, queued, squatted, form, late):
    """What is asked for before waits for the proof, or the proof for it."""
    (person, key), (page, given, status) = squatted, form
    page = page.format(key=key.id)
    own, phone = clients([person, None])
    phone.get("/reset/link")
    asked = [prepared(own, page, page, given), prepared(phone, "/reset/new", "/reset/new", {"password": NEW})]
    assert queued(asked[::-1] if late else asked, HOLD, person.id) == ([303, 409] if late else [status, 303])
    assert rows(TotpDevice) == []
    assert [key for key in rows(ApiKey) if key.revoked_at is None] == []


def test_two_keys_made_at_once_do_not_lock_each_other_out(clients, queued, squatted):
    page, given = "/o/acme/keys/new", {"name": "Twin", "scopes": "org:read", "days": "90"}
    requests = [
        prepared(own, page, page, {**given, "once": f"form {number}"})
        for number, own in enumerate(clients([squatted[0]] * 2))
    ]
    assert queued(requests, HOLD, squatted[0].id) == [200, 200]
    assert len(rows(ApiKey)) == 3


def test_nobody_joins_in_a_session_that_a_reset_ends_meanwhile(clients, queued, person):
    """Neither do the two wait for each other: both need the account and its reset links."""
    org = orgs.org(slug="acme")
    orgs.member(org, "viewer", person)
    _, token = orgs.invitation(org, email=person.email, invited_by=orgs.member(org, "owner").id)
    own, phone = clients([person, None])
    own.get(f"/invitations/{token}")
    phone.get("/reset/link")
    requests = [
        prepared(phone, "/reset/new", "/reset/new", {"password": NEW}),
        prepared(own, "/invitations/open", "/invitations/open", {}),
    ]
    assert queued(requests, HOLD, person.id) == [303, 409]
    assert rows(OrgMember, user_id=person.id)[0].role == "viewer"


def test_a_second_factor_begun_twice_has_one_secret(clients, queued):
    person = auth.user()
    page = "/me/two-factor"
    requests = [prepared(client, page, page, {}) for client in clients([person] * 2)]
    assert queued(requests, HOLD, person.id) == [303, 303]
    assert len(rows(TotpDevice)) == 1


def test_recovery_codes_renewed_twice_are_those_shown_last(clients, queued):
    person = auth.user()
    save(TotpDevice(user_id=person.id, secret="A" * 32, confirmed_at=datetime.now(UTC)))
    requests = [
        prepared(client, "/me/two-factor", "/me/two-factor/codes", {}) for client in clients([person] * 2)
    ]
    assert queued(requests, HOLD, person.id) == [200, 200]
    assert len(rows(RecoveryCode)) == 10


def wait_until_blocked(connection, sessions=1):
    """Return once so many other sessions wait for locks."""
    blocked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 10
    while len(connection.execute(blocked).fetchall()) < sessions:
        assert time.monotonic() < deadline, "nothing waited"
        time.sleep(0.02)
        connection.execute("SELECT pg_stat_clear_snapshot()")
