"""Deleting one's own account."""

import pytest

from app.audit.models import AuditEvent
from app.auth.models import SignInSession, User
from app.orgs.models import OrgMember
from tests.factories import auth, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import parse


@pytest.fixture
def person(connection):
    auth.platform_admin()
    return auth.user()


@pytest.fixture
def own(client, person):
    return client.sign_in(person)


def test_the_account_goes_with_all_that_is_its(own, person, new_client):
    org = orgs.org()
    orgs.member(org, role="owner")
    orgs.member(org, user=person)
    other = new_client(person)
    assert "1 membership" in " ".join(own.page("/me/delete").get_text().split())
    answer = own.submit("/me/delete", {"name": person.email})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "Clear-Site-Data" in answer.headers
    assert person.id not in {user.id for user in rows(User)}
    assert [m for m in rows(OrgMember) if m.user_id == person.id] == []
    assert [s for s in rows(SignInSession) if s.user_id == person.id] == []
    assert other.get("/me").status_code == 302
    assert [e.action for e in rows(AuditEvent) if e.org_id is None and e.target_id == person.id] == [
        "user.delete"
    ]


def test_a_telephone_does_not_respell_what_confirms(own, person):
    field = own.page("/me/delete").find("input", attrs={"name": "name"})
    assert (field["autocapitalize"], field["autocomplete"], field["spellcheck"]) == ("none", "off", "false")
    assert own.submit("/me/delete", {"name": f" {person.email} "}).status_code == 303


def test_open_invitations_end_with_the_account_and_the_log_says_so(own, person, new_client):
    org = orgs.org(slug="acme")
    owner = orgs.member(org, role="owner")
    orgs.member(org, role="admin", user=person)
    sent, token = orgs.invitation(org, email="new@example.org", invited_by=person.id)
    kept, _ = orgs.invitation(org, email="kept@example.org", invited_by=owner.id)
    assert own.submit("/me/delete", {"name": person.email}).status_code == 303
    assert stored(sent).revoked_at
    assert stored(kept).revoked_at is None
    events = {event.action: event for event in rows(AuditEvent, org_id=org.id)}
    assert events["invitation.revoke"].target_id == sent.id
    assert events["invitation.revoke"].after == {"reason": f"{person.email} may no longer invite"}
    assert events["member.leave"].before == {"role": "admin"}
    listed = new_client(owner).page("/o/acme/invitations?status=pending")
    assert [cell.text.strip() for cell in listed.select("tbody th")] == ["kept@example.org"]
    guest = new_client()
    guest.get(f"/invitations/{token}")
    assert guest.get("/invitations/open").status_code == 410


def test_the_address_must_be_typed(own, person):
    assert own.submit("/me/delete", {"name": "someone@example.org"}).status_code == 422
    assert own.submit("/me/delete").status_code == 422
    assert person.id in {user.id for user in rows(User)}


def test_an_only_owner_stays(own, person):
    names = []
    for number in range(2):
        org = orgs.org(name=f"Sole {number}")
        orgs.member(org, role="owner", user=person)
        names.append(org.name)
    shared = orgs.org(name="Shared")
    orgs.member(shared, role="owner")
    orgs.member(shared, role="owner", user=person)
    answer = own.submit("/me/delete", {"name": person.email})
    assert answer.status_code == 409
    main = parse(answer.text).find("main")
    assert all(name in main.get_text() for name in names)
    assert main.find("input", attrs={"name": "name"})["value"] == person.email
    assert "Shared" not in main.get_text()
    assert person.id in {user.id for user in rows(User)}


def test_the_last_administrator_stays(client, connection):
    admin = auth.platform_admin()
    client.sign_in(admin)
    assert client.submit("/me/delete", {"name": admin.email}).status_code == 409
