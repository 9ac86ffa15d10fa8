"""Invitations of people who became members while their link waited."""

import pytest

from app.audit.models import AuditEvent
from app.orgs.models import OrgMember
from tests.factories import orgs
from tests.factories.rows import rows, stored


@pytest.mark.parametrize(
    ("held", "invited", "after"),
    [
        ("viewer", "member", "member"),
        ("member", "owner", "owner"),
        ("member", "viewer", "member"),
        ("admin", "admin", "admin"),
    ],
)
def test_the_invited_role_raises_a_member_and_never_lowers_one(new_client, connection, held, invited, after):
    org = orgs.org(slug="acme")
    owner, person = orgs.member(org, "owner"), orgs.member(org, held)
    invitation, token = orgs.invitation(org, email=person.email, role=invited, invited_by=owner.id)
    client = new_client(person)
    assert client.submit(f"/invitations/{token}").location == "/o/acme"
    assert [member.role for member in rows(OrgMember, user_id=person.id)] == [after]
    changes = [(event.before, event.after) for event in rows(AuditEvent, action="member.change_role")]
    assert changes == ([({"role": held}, {"role": after})] if held != after else [])
    said = f"was {held} and is {after} from now on" if held != after else f"Your role is still {held}."
    assert said in client.page("/o/acme").find(id="toasts").text
    assert stored(invitation).accepted_by == person.id
