"""An open invitation to a role that only owners give is theirs to end."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.db.tables import EmailOutbox
from app.orgs.models import Invitation
from tests.factories import auth, orgs
from tests.factories.rows import rows, stored

EMAIL = "b@example.org"
NEW = "/o/acme/invitations/new"
WHO = "This address is invited as {} already. Only an owner can end or replace that."


@pytest.fixture
def admin(org, new_client):
    return new_client(orgs.member(org, "admin"))


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_an_administrator_does_not_replace_it(org, owner, admin, client, role):
    above, token = orgs.invitation(org, email=EMAIL, role=role, invited_by=owner.id)
    page = admin.submit(NEW, {"email": "B@example.org", "role": "viewer"})
    assert page.status_code == 409
    assert WHO.format(role) in page.text
    assert 'value="b@example.org"' in page.text
    assert [row.id for row in rows(Invitation, revoked_at=None)] == [above.id]
    assert (rows(AuditEvent), rows(EmailOutbox)) == ([], [])
    assert client.get(f"/invitations/{token}", follow_redirects=True).status_code == 200


def test_nor_by_renewing_an_earlier_one(org, owner, admin):
    former, _ = orgs.invitation(org, email=EMAIL, invited_by=owner.id, revoked_at=datetime.now(UTC))
    above, _ = orgs.invitation(org, email=EMAIL, role="owner", invited_by=owner.id)
    renewed = admin.submit(f"/o/acme/invitations/{former.id}/renew")
    assert renewed.status_code == 409
    assert WHO.format("owner") in renewed.text
    page = admin.submit("/o/acme/invitations/bulk", {"ids": [str(former.id)], "action": "renew"})
    assert page.status_code == 200
    assert WHO.format("owner") in admin.get("/o/acme/invitations").text
    assert stored(above).revoked_at is None


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_an_owner_replaces_it(org, owner, new_client, role):
    above, _ = orgs.invitation(org, email=EMAIL, role="owner", invited_by=owner.id)
    assert new_client(owner).submit(NEW, {"email": EMAIL, "role": role}).status_code == 200
    assert stored(above).revoked_at
    assert [row.role for row in rows(Invitation, revoked_at=None)] == [role]


def test_one_that_has_expired_is_in_nobodys_way(org, owner, admin):
    past = datetime.now(UTC) - timedelta(minutes=1)
    orgs.invitation(org, email=EMAIL, role="owner", invited_by=owner.id, expires_at=past)
    assert admin.submit(NEW, {"email": EMAIL, "role": "viewer"}).status_code == 200
    assert [row.role for row in rows(Invitation, revoked_at=None)] == ["viewer"]


def test_a_member_is_one_whatever_else_is_offered(org, owner, admin):
    person = orgs.member(org, "viewer", auth.user(email=EMAIL))
    orgs.invitation(org, email=person.email, role="owner", invited_by=owner.id)
    page = admin.submit(NEW, {"email": EMAIL, "role": "viewer"})
    assert (page.status_code, "Already a member" in page.text) == (200, True)
