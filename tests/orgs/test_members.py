"""Members, roles, leaving."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.auth.models import PasswordReset, User
from app.orgs.models import ApiKey, Invitation, OrgMember
from app.orgs.views import member_changes
from tests.factories import auth, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import check_page
from tests.support.queries import queries


def member_id(org, user):
    return rows(OrgMember, org_id=org.id, user_id=user.id)[0].id


def role_of(org, user):
    found = rows(OrgMember, org_id=org.id, user_id=user.id)
    return found[0].role if found else None


def set_role(client, org, user, role):
    return client.submit(f"/o/acme/members/{member_id(org, user)}/role", {"role": role})


def remove(client, org, user):
    return client.submit(f"/o/acme/members/{member_id(org, user)}/remove")


def test_the_list_is_searched_filtered_and_sorted(new_client, org, owner):
    ana = orgs.member(org, "viewer", auth.user(first_name="Ana", last_name="Lima", email="zz@example.org"))
    orgs.member(orgs.org(), "viewer", auth.user(first_name="Stranger"))
    client = new_client(owner)
    names = [cell.a.text for cell in client.both("/o/acme/members").select("th.cell-name")]
    assert names == ["Ana Lima", "Olga Owner"]
    page = client.both("/o/acme/members?q=zz%40")
    assert [cell.a.text for cell in page.select("th.cell-name")] == ["Ana Lima"]
    page = client.both("/o/acme/members?role=owner&sort=-email")
    assert [cell.a.text for cell in page.select("th.cell-name")] == ["Olga Owner"]
    assert "No members match" in client.both("/o/acme/members?q=nobody").text
    client.page(f"/o/acme/members/{member_id(org, ana)}")


def test_a_list_of_any_length_takes_the_same_statements(new_client, org, owner):
    for _ in range(25):
        orgs.member(org)
    client = new_client(owner)
    with queries(max=4):
        client.get("/o/acme/members?per=50")


@pytest.mark.usefixtures("owner")
class TestRM2:
    """RM-2: what each role may do to members."""

    @pytest.mark.parametrize("role", ["owner", "admin"])
    def test_an_admin_grants_no_high_role(self, new_client, org, role):
        member = orgs.member(org, "member")
        response = set_role(new_client(orgs.member(org, "admin")), org, member, role)
        assert (response.status_code, role_of(org, member)) == (403, "member")

    @pytest.mark.parametrize("role", ["owner", "admin"])
    def test_an_admin_changes_and_removes_no_equal(self, new_client, org, role):
        other, client = orgs.member(org, role), new_client(orgs.member(org, "admin"))
        assert set_role(client, org, other, "viewer").status_code == 403
        assert remove(client, org, other).status_code == 403
        assert role_of(org, other) == role

    @pytest.mark.parametrize("role", ["viewer", "member", "owner"])
    def test_an_admin_does_not_change_the_own_role(self, new_client, org, role):
        admin = orgs.member(org, "admin")
        assert set_role(new_client(admin), org, admin, role).status_code == 403
        assert role_of(org, admin) == "admin"

    def test_an_admin_manages_members_and_viewers(self, new_client, org):
        member, client = orgs.member(org, "member"), new_client(orgs.member(org, "admin"))
        assert set_role(client, org, member, "viewer").status_code == 303
        assert role_of(org, member) == "viewer"
        assert remove(client, org, member).status_code == 303
        assert role_of(org, member) is None

    @pytest.mark.parametrize("role", ["member", "viewer"])
    def test_lower_roles_change_nobody(self, new_client, org, role):
        client, other = new_client(orgs.member(org, role)), orgs.member(org, "viewer")
        assert set_role(client, org, other, "member").status_code == 403
        assert remove(client, org, other).status_code == 403
        assert client.submit("/o/acme/invitations/new", {"email": "x@y.org"}).status_code == 403

    @pytest.mark.parametrize("role", ["owner", "viewer"])
    def test_who_changes_a_role_is_told_the_new_one(self, new_client, org, owner, role):
        client, other = (
            new_client(owner),
            orgs.member(org, "member", auth.user(first_name="Bob", last_name="")),
        )
        page = client.page(set_role(client, org, other, role).location)
        assert f"The role of Bob is now {role}." in page.find(id="toasts").text

    def test_an_owner_steps_down_while_another_stays(self, new_client, org, owner):
        orgs.member(org, "owner")
        assert set_role(new_client(owner), org, owner, "member").status_code == 303
        assert role_of(org, owner) == "member"
        (event,) = rows(AuditEvent, action="member.change_role")
        assert (event.before, event.after, event.actor_id) == (
            {"role": "owner"},
            {"role": "member"},
            owner.id,
        )

    def test_the_last_owner_stays(self, new_client, org, owner):
        client = new_client(owner)
        assert set_role(client, org, owner, "admin").status_code == 409
        assert remove(client, org, owner).status_code == 409
        response = client.submit("/o/acme/members/leave")
        assert response.status_code == 409
        assert "at least one owner" in response.text
        assert role_of(org, owner) == "owner"


def test_an_owner_whose_account_is_disabled_is_no_second_one(new_client, org, owner):
    absent = orgs.member(org, "owner", auth.user(disabled_at="2026-01-01T00:00:00Z"))
    client = new_client(owner)
    assert set_role(client, org, owner, "member").status_code == 409
    assert "Make someone else an owner" in client.page("/o/acme/members/leave").text
    assert client.submit("/o/acme/members/leave").status_code == 409
    assert client.submit("/me/delete", {"name": owner.email}).status_code == 409
    assert remove(client, org, absent).status_code == 303
    assert role_of(org, owner) == "owner"


def test_ownership_is_handed_over(new_client, org, owner):
    heir = orgs.member(org, "member")
    client = new_client(owner)
    assert set_role(client, org, heir, "owner").status_code == 303
    assert client.submit("/o/acme/members/leave").location == "/"
    assert (role_of(org, owner), role_of(org, heir)) == (None, "owner")
    assert new_client(heir).get("/o/acme").status_code == 200
    assert client.get("/o/acme").status_code == 404


def test_a_removed_member_loses_keys_and_open_invitations(new_client, org, owner):
    admin = orgs.member(org, "admin")
    key, _ = orgs.api_key(org, admin)
    invitation, _ = orgs.invitation(org, invited_by=admin.id)
    remove(new_client(owner), org, admin)
    assert stored(key).revoked_at
    (ended,) = rows(AuditEvent, action="api_key.revoke")
    assert (ended.target_id, ended.before, ended.actor_id) == (key.id, {"state": "active"}, owner.id)
    assert stored(invitation).revoked_at
    assert rows(AuditEvent, action="invitation.revoke")[0].after == {
        "reason": f"{admin.email} may no longer invite"
    }


@pytest.mark.parametrize("role", ["", "boss", "OWNER"])
def test_an_unknown_role_is_refused(new_client, org, owner, role):
    assert set_role(new_client(owner), org, orgs.member(org), role).status_code == 422


def test_a_member_of_another_organisation_does_not_exist_here(new_client, org, owner):
    other = orgs.org(name="Other", slug="other")
    stranger = orgs.member(other, "member")
    path = f"/o/acme/members/{member_id(other, stranger)}"
    client = new_client(owner)
    assert client.get(path).status_code == 404
    assert client.submit(f"{path}/role", {"role": "viewer"}).status_code == 404
    assert client.submit(f"{path}/remove").status_code == 404
    assert role_of(other, stranger) == "member"


class TestBulk:
    """Several members at once."""

    def bulk(self, client, org, people, **values):
        ids = [member_id(org, person) for person in people]
        return client.submit("/o/acme/members/bulk", {"ids": ids, **values})

    def test_what_may_change_changes_and_the_rest_is_named(self, new_client, org, owner):
        first, second = orgs.member(org, "member"), orgs.member(org, "member")
        client = new_client(orgs.member(org, "admin"))
        response = self.bulk(
            client, org, [first, owner, second], action="role", role="viewer", query="role=member&sort=-name"
        )
        assert (response.status_code, response.location) == (303, "/o/acme/members?role=member&sort=-name")
        assert [role_of(org, user) for user in (first, second, owner)] == ["viewer", "viewer", "owner"]
        page = client.page("/o/acme/members")
        assert "2 changed, 1 skipped." in page.find(id="toasts").text
        assert "Olga Owner was skipped." in " ".join(page.find(id="results").text.split())

    def test_what_was_skipped_stays_ticked(self, new_client, org, owner):
        first, second = orgs.member(org, "owner"), orgs.member(org)
        client = new_client(owner)
        self.bulk(client, org, [owner, first, second], action="role", role="member")
        page = client.page("/o/acme/members")
        assert "2 changed, 1 skipped." in page.find(id="toasts").text
        assert "This is you" in page.find(id="results").text
        other = new_client(orgs.member(org, "admin"))
        self.bulk(other, org, [owner, second], action="role", role="viewer")
        ticked = other.page("/o/acme/members").select("[name=ids][checked]")
        assert ticked == []  # no box: the role does not manage owners

    def test_all_that_match_are_confirmed_and_changed(self, new_client, org, owner):
        people = [orgs.member(org, user=auth.user(email=f"m{n}@match.example")) for n in range(25)]
        boss = orgs.member(org, "admin", auth.user(email="boss@match.example"))
        client = new_client(boss)
        signed = (
            client.page("/o/acme/members?q=match.example").find(id="bulk").find("input", {"name": "state"})
        )
        values = {"match": "all", "action": "role", "role": "viewer", "state": signed["value"]}
        answer = client.submit("/o/acme/members/bulk", values)
        page = client.page(answer.location)
        assert page.h1.text == "Change the role of all members that match"
        assert "26 members match" in " ".join(page.text.split())
        fields = {box["name"]: box["value"] for box in page.select("main form input")}
        done = client.submit("/o/acme/members/bulk/matching", fields)
        assert done.location == "/o/acme/members?q=match.example"
        assert {role_of(org, user) for user in people} == {"viewer"}
        assert role_of(org, boss) == "admin"
        assert "25 changed, 1 skipped." in client.page(done.location).find(id="toasts").text
        gone = client.submit("/o/acme/members/bulk/matching", {**fields, "action": "remove"})
        assert gone.status_code == 303
        assert {role_of(org, user) for user in [*people, owner, boss]} == {None, "owner", "admin"}

    def test_a_state_of_another_organisation_is_none(self, new_client, owner):
        theirs = orgs.org()
        member = orgs.member(theirs, "owner")
        page = new_client(member).page(f"/o/{theirs.slug}/members")
        state = page.find(id="bulk").find("input", {"name": "state"})["value"]
        values = {"action": "remove", "state": state}
        assert new_client(owner).submit("/o/acme/members/bulk/matching", values).status_code == 404
        assert role_of(theirs, member) == "owner"

    def test_more_members_than_can_be_changed_are_refused(self, new_client, org, owner, monkeypatch):
        monkeypatch.setattr(member_changes, "MOST_MATCHING", 1)
        people = [orgs.member(org) for _ in range(2)]
        client = new_client(owner)
        state = client.page("/o/acme/members").find(id="bulk").find("input", {"name": "state"})["value"]
        values = {"action": "remove", "state": state}
        page = client.page(f"/o/acme/members/bulk?action=remove&state={state}")
        assert "More than 1 match: narrow the list first." in page.text
        assert client.submit("/o/acme/members/bulk/matching", values).status_code == 422
        assert {role_of(org, user) for user in people} == {"member"}

    def test_several_are_removed(self, new_client, org, owner):
        people = [orgs.member(org) for _ in range(3)]
        client = new_client(owner)
        asked = self.bulk(client, org, people, action="remove", query="role=member")
        assert asked.status_code == 200
        page = check_page(asked.text)
        assert page.h1.text == "Remove 3 members"
        assert page.find("a", string="Cancel")["href"] == "/o/acme/members?role=member"
        assert {role_of(org, user) for user in people} == {"member"}
        assert self.bulk(client, org, people, action="remove", sure="yes").status_code == 303
        assert {role_of(org, user) for user in people} == {None}

    def test_a_foreign_id_refuses_the_whole_call(self, new_client, org, owner):
        member, other = orgs.member(org), orgs.org()
        foreign = orgs.member(other)
        ids = [member_id(org, member), member_id(other, foreign)]
        response = new_client(owner).submit(
            "/o/acme/members/bulk", {"ids": ids, "action": "remove", "sure": "yes"}
        )
        assert response.status_code == 404
        assert role_of(org, member) == "member"

    @pytest.mark.parametrize(
        ("ids", "action", "status"),
        [([], "remove", 422), (["x"], "remove", 404), (None, "explode", 422), (None, "role", 422)],
    )
    def test_nonsense_is_refused(self, new_client, org, owner, ids, action, status):
        given = [member_id(org, orgs.member(org))] if ids is None else ids
        response = new_client(owner).submit("/o/acme/members/bulk", {"ids": given, "action": action})
        assert response.status_code == status


def test_people_are_not_deleted_with_their_membership(new_client, org, owner):
    member = orgs.member(org)
    remove(new_client(owner), org, member)
    assert rows(User, id=member.id)
    assert not rows(Invitation)
    assert not rows(ApiKey)


def test_an_owner_makes_a_reset_link_for_a_member_of_this_organisation_only(client, connection):
    org, other = orgs.org(), orgs.org()
    client.sign_in(orgs.member(org, "owner"))
    near, far, admin = orgs.member(org), orgs.member(org), orgs.member(org, user=auth.platform_admin())
    orgs.member(other, user=far)
    ids = {row.user_id: row.id for row in rows(OrgMember) if row.org_id == org.id}
    for person, status in ((near, 200), (far, 403), (admin, 403)):
        path = f"/o/{org.slug}/members/{ids[person.id]}"
        assert ("Make reset link" in client.page(path).get_text()) == (status == 200)
        answer = client.submit(f"{path}/resets")
        assert answer.status_code == status
        assert ("/reset/" in answer.text) == (status == 200)
    assert [user.id for user in rows(User) if "notice" in user.preferences] == [near.id]


def test_nobody_makes_a_reset_link_for_themselves(new_client, org, owner):
    """It would set a new password without the former one."""
    operator = orgs.member(org, "owner", auth.platform_admin())
    own = f"/o/acme/members/{member_id(org, owner)}"
    for person, page in ((owner, own), (operator, f"/platform/users/{operator.id}")):
        client = new_client(person)
        assert "Make reset link" not in client.page(page).text
        answer = client.submit(f"{page}/resets")
        assert (answer.status_code, "/reset/" in answer.text) == (409, False)
    assert rows(PasswordReset) == []


@pytest.mark.parametrize("where", ["/o/acme/members/{member}", "/platform/users/{user}"])
def test_a_reset_link_for_another_needs_a_recent_password(client, org, owner, where):
    """It opens their account, as one's own password opens one's own."""
    near = orgs.member(org)
    page = where.format(member=member_id(org, near), user=near.id)
    maker = auth.platform_admin() if "platform" in page else owner
    long_ago = datetime.now(UTC) - timedelta(minutes=16)
    client.set_cookie("session", auth.sign_in_token(maker, reauthenticated_at=long_ago))
    asked = client.submit(f"{page}/resets", headers={"Referer": f"http://localhost{page}"})
    assert asked.location == f"/me/confirm?next={page}&unsent=1"
    assert rows(PasswordReset) == []
    client.submit("/me/confirm", {"current_password": auth.PASSWORD})
    assert "/reset/" in client.submit(f"{page}/resets").text


def _joins_another(near, new_client):
    other, client = orgs.org(), new_client(near)
    _, token = orgs.invitation(other, email=near.email, invited_by=orgs.member(other, "owner").id)
    client.get(f"/invitations/{token}")
    return client.submit("/invitations/open")


def _founds_one(near, new_client):
    return new_client(near).submit("/orgs/new", {"name": "Their own"})


def _is_promoted(near, new_client):
    return new_client(auth.platform_admin()).submit(f"/platform/users/{near.id}/promote")


@pytest.mark.parametrize("reaches_further", [_joins_another, _founds_one, _is_promoted])
def test_an_owners_reset_link_ends_when_the_account_reaches_further(new_client, org, owner, reaches_further):
    near, client = orgs.member(org), new_client(owner)
    made = client.submit(f"/o/acme/members/{member_id(org, near)}/resets")
    link = re.search(r"/reset/[\w-]{43}", made.text)[0]
    assert client.get(link).status_code == 302
    assert reaches_further(near, new_client).status_code == 303
    assert client.get(link).status_code == 410


def test_an_admin_makes_no_reset_link(client, connection):
    org = orgs.org()
    client.sign_in(orgs.member(org, "admin"))
    orgs.member(org)
    member_id = next(row.id for row in rows(OrgMember) if row.role == "member")
    path = f"/o/{org.slug}/members/{member_id}"
    assert "Make reset link" not in client.page(path).get_text()
    assert client.submit(f"{path}/resets").status_code == 403
