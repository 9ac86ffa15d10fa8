"""Invitations of people who became members while their link waited."""

import pytest

from app.audit.models import AuditEvent
from app.auth.services.passwords import hash_password
from app.orgs.models import OrgMember
from app.orgs.views import joining
from tests.factories import orgs
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, stored

EMAIL = "b@example.org"
PERSON = {"first_name": "Bea", "password": PASSWORD}


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


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("{id}/role", {"role": "viewer"}),
        ("{id}/remove", {}),
        ("bulk", {"ids": "{id}", "action": "role", "role": "viewer"}),
    ],
)
def test_a_link_does_not_undo_what_was_decided_after_it(new_client, connection, path, values):
    org = orgs.org(slug="acme")
    owner, person = orgs.member(org, "owner"), orgs.member(org, "member")
    invitation, token = orgs.invitation(org, email=person.email, role="admin", invited_by=owner.id)
    other, _ = orgs.invitation(org, role="admin", invited_by=owner.id)
    (membership,) = rows(OrgMember, user_id=person.id)
    sent = {name: value.format(id=membership.id) for name, value in values.items()}
    answer = new_client(owner).submit(f"/o/acme/members/{path.format(id=membership.id)}", sent)
    assert answer.status_code in {200, 303}
    assert new_client(person).submit(f"/invitations/{token}").status_code == 410
    assert [member.role for member in rows(OrgMember, user_id=person.id)] in (["viewer"], [])
    assert (stored(invitation).revoked_at is None, stored(other).revoked_at is None) == (False, True)
    assert [event.target_label for event in rows(AuditEvent, action="invitation.revoke")] == [person.email]


def test_an_admin_ends_no_link_that_an_owner_alone_may_end(new_client, connection):
    org = orgs.org(slug="acme")
    owner, admin = orgs.member(org, "owner"), orgs.member(org, "admin")
    open_still = {}
    for role in ("admin", "member"):
        person = orgs.member(org, "viewer")
        invitation, _ = orgs.invitation(org, email=person.email, role=role, invited_by=owner.id)
        (membership,) = rows(OrgMember, user_id=person.id)
        new_client(admin).submit(f"/o/acme/members/{membership.id}/remove")
        assert rows(OrgMember, user_id=person.id) == []
        open_still[role] = stored(invitation).revoked_at is None
    assert open_still == {"admin": True, "member": False}


def test_who_joined_elsewhere_while_the_form_was_read_signs_in_first(
    client, new_client, connection, monkeypatch
):
    org, other, elsewhere = orgs.org(slug="acme"), orgs.org(slug="other"), new_client()
    links = [
        orgs.invitation(one, email=EMAIL, invited_by=orgs.member(one, "owner").id) for one in (org, other)
    ]
    for browser, (_, token) in zip((client, elsewhere), links, strict=True):
        browser.get(f"/invitations/{token}")

    def meanwhile(password):
        monkeypatch.undo()
        assert elsewhere.submit("/invitations/open", PERSON).location == "/o/other"
        return hash_password(password)

    monkeypatch.setattr(joining, "hash_password", meanwhile)
    assert client.submit("/invitations/open", PERSON).location == "/sign-in?next=/invitations/open"
    assert stored(links[0][0]).accepted_at is None
