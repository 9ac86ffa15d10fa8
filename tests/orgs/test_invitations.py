"""Invitations, on both sides of the link."""

from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from app.audit.models import AuditEvent
from app.auth.models import User
from app.db.tables import EmailOutbox
from app.orgs.models import Invitation, OrgMember
from app.web.security import hash_token
from tests.factories import auth, orgs
from tests.factories.rows import rows, stored

PERSON = {"first_name": "Bea", "last_name": "Berg", "password": "a long enough passphrase"}


@pytest.fixture
def invite(new_client, owner):
    """A function that invites as the owner, or as the client given, and returns the answer."""

    def act(email="b@example.org", client=None, **values):
        return (client or new_client(owner)).submit(
            "/o/acme/invitations/new", {"email": email, "role": "member", **values}
        )

    return act


def token_in(response):
    field = BeautifulSoup(response.text, "html.parser").find(id="invitation-link")
    return field["value"].rpartition("/")[2]


def join(client, token, **values):
    """Open the link and send the form."""
    client.get(f"/invitations/{token}")
    return client.submit("/invitations/open", {**PERSON, **values})


def membership(org, email):
    return [
        member.role
        for member in rows(OrgMember, org_id=org.id)
        if rows(User, id=member.user_id)[0].email == email
    ]


def test_the_form_says_what_each_role_may(new_client, org, owner):
    client = new_client(owner)
    page = client.page("/o/acme/invitations/new")
    assert {radio["value"] for radio in page.select("input[name=role]")} == {
        "owner",
        "admin",
        "member",
        "viewer",
    }
    page = new_client(orgs.member(org, "admin")).page("/o/acme/invitations/new")
    assert {radio["value"] for radio in page.select("input[name=role]")} == {"member", "viewer"}
    assert client.both("/o/acme/invitations").find(string="Nobody is invited yet")


class TestIN1:
    """IN-1: the link is shown once, kept as a hash, and leaves the address bar at once."""

    def test_only_a_hash_is_kept(self, invite, new_client, owner):
        response = invite()
        token = token_in(response)
        assert response.headers["Referrer-Policy"] == "no-referrer"
        (invitation,) = rows(Invitation)
        assert invitation.token_hash == hash_token(token)
        assert len(token) >= 43
        again = new_client(owner)
        assert token not in again.get("/o/acme/invitations").text
        assert all(token not in str(vars(event)) for event in rows(AuditEvent))

    def test_the_token_leaves_the_address_in_one_hop(self, invite, client):
        response = client.get(f"/invitations/{(token := token_in(invite()))}")
        assert (response.status_code, response.location) == (302, "/invitations/open")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        page = client.get("/invitations/open")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert token not in page.text

    @pytest.mark.parametrize(("role", "words"), [("member", "as a member"), ("admin", "as an admin")])
    def test_the_role_is_named_in_a_sentence(self, invite, client, role, words):
        sent = invite(role=role)
        assert words in sent.text
        client.get(f"/invitations/{token_in(sent)}")
        assert words in client.get("/invitations/open").text

    def test_opening_uses_nothing_up(self, invite, client, state):
        token = token_in(invite())
        before = state()
        for _ in range(3):
            client.get(f"/invitations/{token}")
            client.head("/invitations/open")
            client.page("/invitations/open")
        assert state() == before
        assert join(client, token).status_code == 303


class TestIN2:
    """IN-2: only the invited address gets in."""

    def test_another_account_is_refused_and_can_switch(self, invite, new_client, client, org):
        token = token_in(invite())
        other = new_client(auth.user(email="c@example.org"))
        other.get(f"/invitations/{token}")
        page = other.page("/invitations/open", status=403)
        assert "This invitation was sent to another address" in page.text
        assert join(other, token).status_code == 403
        assert not membership(org, "c@example.org")
        assert rows(Invitation)[0].accepted_at is None
        for _ in range(2):
            assert other.submit("/invitations/switch").location == "/invitations/open"
        assert len(rows(AuditEvent, action="session.end")) == 1
        assert "Create account and join" in other.page("/invitations/open").text
        assert join(client, token).status_code == 303
        assert membership(org, "b@example.org") == ["member"]

    @pytest.mark.parametrize("email", ["d@example.org", "", "null"])
    def test_no_field_changes_the_address(self, invite, client, org, email):
        token = token_in(invite())
        assert join(client, token, email=email).status_code == 403
        assert (rows(User, email="d@example.org"), rows(Invitation)[0].accepted_at) == ([], None)
        assert join(client, token).status_code == 303
        assert membership(org, "b@example.org") == ["member"]

    def test_the_case_of_the_address_does_not_matter(self, invite, new_client, org):
        person = auth.user(email="b@example.org")
        token = token_in(invite("B@Example.ORG"))
        assert join(new_client(person), token).status_code == 303
        assert membership(org, "b@example.org") == ["member"]

    def test_a_known_address_signs_in_first(self, invite, client):
        auth.user(email="b@example.org")
        client.get(f"/invitations/{token_in(invite())}")
        page = client.page("/invitations/open")
        assert page.find("a", href="/sign-in?next=/invitations/open")
        assert client.submit("/invitations/open", PERSON).location == "/sign-in?next=/invitations/open"


def test_the_invited_address_is_no_password(invite, client):
    token = token_in(invite("bea.berg@example.org"))
    assert join(client, token, password="Bea.Berg@example.org").status_code == 422
    assert join(client, token).status_code == 303


class TestIN3:
    """IN-3: a link works once, within its time, until it is replaced or revoked."""

    def gone(self, client, token):
        client.get(f"/invitations/{token}")
        assert client.get("/invitations/open").status_code == 410
        assert client.submit("/invitations/open", PERSON).status_code == 410
        return client.get("/invitations/open").text

    def test_expired(self, client, org, owner):
        past = datetime.now(UTC) - timedelta(seconds=1)
        _, token = orgs.invitation(org, invited_by=owner.id, expires_at=past)
        self.gone(client, token)

    def test_revoked_used_and_unknown_look_alike(self, invite, client, new_client, owner):
        used = token_in(invite())
        assert join(new_client(), used).status_code == 303
        revoked = token_in(invite("c@example.org"))
        invitation = rows(Invitation, email="c@example.org")[0]
        desk = new_client(owner)
        assert desk.submit(f"/o/acme/invitations/{invitation.id}/revoke").status_code == 303
        expiries = desk.page("/o/acme/invitations").select("td[data-label=Expires]")
        assert [cell.text for cell in expiries] == ["–", "–"]
        pages = {self.gone(client, token) for token in (used, revoked, "unknown", "x" * 300)}
        shapes = {BeautifulSoup(page, "html.parser").main.h1.text for page in pages}
        assert shapes == {"This link no longer works"}

    def test_revoking_one_goes_back_to_the_list_as_it_was(self, invite, new_client, owner):
        invite()
        desk, path = new_client(owner), f"/o/acme/invitations/{rows(Invitation)[0].id}/revoke"
        form = desk.page("/o/acme/invitations?status=pending").find(id="row-acts")
        kept = {field["name"]: field["value"] for field in form.select("input")}
        assert desk.submit(path, kept).location == "/o/acme/invitations?status=pending"

    def test_a_new_link_ends_the_former(self, invite, client, new_client, owner):
        first = invite()
        (invitation,) = rows(Invitation)
        second = new_client(owner).submit(f"/o/acme/invitations/{invitation.id}/renew")
        third = invite()
        told = ["The former link for this address has ended." in page.text for page in (first, second, third)]
        assert told == [False, True, True]
        former, renewed, again = token_in(first), token_in(second), token_in(third)
        assert len({former, renewed, again}) == 3
        noted = [event.after for event in rows(AuditEvent, action="invitation.revoke")]
        assert noted == [{"reason": "another link was made"}] * 2
        self.gone(client, former)
        self.gone(client, renewed)
        assert join(client, again).status_code == 303
        assert new_client(owner).submit(f"/o/acme/invitations/{invitation.id}/renew").status_code == 200

    @pytest.mark.parametrize("hours", ["0", "-1", "169", "192", "1.5", "", "soon", "9" * 5000])
    def test_a_life_out_of_bounds_is_refused(self, invite, hours):
        assert invite(expires_in_hours=hours).status_code == 422
        assert not rows(Invitation)

    def test_a_life_of_a_day_unless_said_otherwise(self, invite):
        invite()
        invite("c@example.org", expires_in_hours="168")
        lives = [row.expires_at - row.created_at for row in rows(Invitation)]
        assert lives == [timedelta(hours=24), timedelta(hours=168)]

    def test_a_member_is_not_doubled(self, invite, org):
        orgs.member(org, "viewer", auth.user(email="b@example.org"))
        response = invite()
        assert (response.status_code, rows(Invitation)) == (200, [])
        assert "Roles are changed on the page Members." in response.text
        assert membership(org, "b@example.org") == ["viewer"]

    def test_an_accepted_one_is_neither_renewed_nor_revoked(self, invite, client, new_client, owner):
        join(client, token_in(invite()))
        path = f"/o/acme/invitations/{rows(Invitation)[0].id}"
        assert new_client(owner).submit(f"{path}/revoke").status_code == 409
        assert new_client(owner).submit(f"{path}/renew").status_code == 409


class TestIN4:
    """IN-4: nobody invites above the own right, and the stored role wins."""

    def test_the_stored_role_wins(self, invite, client, org):
        assert join(client, token_in(invite()), role="owner").status_code == 303
        assert membership(org, "b@example.org") == ["member"]

    @pytest.mark.parametrize("role", ["owner", "admin"])
    def test_an_admin_invites_no_equal(self, invite, new_client, org, owner, role):
        admin = new_client(orgs.member(org, "admin"))
        assert invite(client=admin, role=role).status_code == 403
        invitation, _ = orgs.invitation(org, role=role, invited_by=owner.id)
        for verb in ("renew", "revoke"):
            assert admin.submit(f"/o/acme/invitations/{invitation.id}/{verb}").status_code == 403
        assert stored(invitation).revoked_at is None

    @pytest.mark.parametrize("role", ["member", "viewer"])
    def test_lower_roles_see_no_invitations(self, new_client, org, role):
        client = new_client(orgs.member(org, role))
        assert client.get("/o/acme/invitations").status_code == 403
        assert client.get("/o/acme/invitations/new").status_code == 403
        assert "invitations" not in client.page("/o/acme/members").main.decode()

    def test_an_unknown_role_is_refused(self, invite):
        assert invite(role="boss").status_code == 422


class TestIN5:
    """IN-5: what happened to the inviter and the organisation counts; addresses are one address each."""

    @pytest.mark.parametrize("change", ["role", "remove"])
    def test_the_inviter_lost_the_right(self, invite, client, new_client, org, owner, change):
        admin = orgs.member(org, "admin")
        token = token_in(invite(client=new_client(admin)))
        member_id = rows(OrgMember, user_id=admin.id)[0].id
        new_client(owner).submit(f"/o/acme/members/{member_id}/{change}", {"role": "viewer"})
        client.get(f"/invitations/{token}")
        assert client.get("/invitations/open").status_code == 410
        assert client.submit("/invitations/open", PERSON).status_code == 410
        (note,) = rows(AuditEvent, action="invitation.revoke")
        assert note.after == {"reason": f"{admin.email} may no longer invite"}

    def test_the_account_of_the_inviter_is_disabled(self, invite, client, new_client, owner):
        token, desk = token_in(invite(role="owner")), new_client(auth.platform_admin())
        desk.submit(f"/platform/users/{owner.id}/disable")
        assert join(client, token).status_code == 410
        assert rows(User, email="b@example.org") == []
        desk.submit(f"/platform/users/{owner.id}/enable")
        assert join(client, token).status_code == 303

    @pytest.mark.usefixtures("owner")
    def test_the_inviter_is_gone(self, client, org):
        _, token = orgs.invitation(org, invited_by=None)
        client.get(f"/invitations/{token}")
        assert client.get("/invitations/open").status_code == 410

    def test_the_organisation_is_gone(self, invite, client, new_client, owner):
        token = token_in(invite())
        assert new_client(owner).submit("/o/acme/settings/delete", {"name": "Acme"}).status_code == 303
        client.get(f"/invitations/{token}")
        assert client.get("/invitations/open").status_code == 410

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "a@x.org,b@y.org",
            "a@x.org b@y.org",
            "b@example.org\r\nBcc: e@evil.org",
            "b@example.org\n",
            "b@example.org\x00",
            "Bea <b@example.org>",
            "ä@example.org",
            "x" * 300 + "@example.org",
            "b@localhost",
        ],
    )
    def test_what_is_not_one_address_is_refused(self, invite, email):
        assert invite(email).status_code == 422
        assert (rows(Invitation), rows(EmailOutbox)) == ([], [])

    def test_spellings_of_one_address_are_one(self, invite):
        invite(" B@EXAMPLE.org ")
        invite("b@BÜCHER.example.org")
        assert [row.email for row in rows(Invitation)] == ["b@example.org", "b@xn--bcher-kva.example.org"]

    def test_markup_in_a_name_is_text(self, invite, client, owner, new_client):
        name = "<b>Evil</b> http://evil.example"
        new_client(owner).submit("/o/acme/settings/name", {"name": name, "slug": "acme"})
        client.get(f"/invitations/{token_in(invite())}")
        page = client.page("/invitations/open")
        assert name in page.h1.text
        assert page.find("b") is None


def test_joining_signs_in_and_is_noted(invite, client, org):
    response = join(client, token_in(invite()))
    assert (response.status_code, response.location) == (303, "/o/acme")
    client.page("/o/acme")
    person = rows(User, email="b@example.org")[0]
    (event,) = rows(AuditEvent, action="invitation.accept")
    assert (event.actor_id, event.org_id, event.after) == (person.id, org.id, {"role": "member"})
    assert rows(Invitation)[0].accepted_by == person.id


def test_the_form_may_be_posted_to_the_link_itself(invite, client, org):
    assert client.submit(f"/invitations/{token_in(invite())}", PERSON).status_code == 303
    assert membership(org, "b@example.org") == ["member"]


@pytest.mark.parametrize(
    ("field", "value"), [("first_name", ""), ("password", "short"), ("password", "\x00" * 9)]
)
def test_a_wrong_value_leaves_the_link_usable(invite, client, field, value):
    token = token_in(invite())
    response = join(client, token, **{field: value})
    assert response.status_code == 422
    assert "a long enough passphrase" not in response.text
    assert join(client, token).status_code == 303


class TestBulk:
    """Several invitations at once."""

    @pytest.fixture
    def three(self, org):
        return [
            orgs.invitation(
                org, email=f"b{n}@example.org", accepted_at="2026-11-20T00:00:00Z" if n == 2 else None
            )[0]
            for n in range(3)
        ]

    def test_they_are_revoked_with_a_report_of_those_skipped(self, new_client, owner, three):
        client = new_client(owner)
        values = {"ids": [row.id for row in three], "action": "revoke", "query": "sort=email"}
        answer = client.submit("/o/acme/invitations/bulk", values)
        assert (answer.status_code, answer.location) == (303, "/o/acme/invitations?sort=email")
        assert [stored(row).revoked_at is None for row in three] == [False, False, True]
        page = client.page(answer.location)
        assert "2 revoked, 1 skipped." in page.find(id="toasts").text
        assert "b2@example.org was skipped. It is accepted already." in " ".join(page.text.split())
        client.submit("/o/acme/invitations/bulk", values)
        assert "3 skipped." in client.page(answer.location).find(id="toasts").text

    def test_they_get_new_links_shown_once(self, new_client, owner, three):
        client = new_client(owner)
        values = {"ids": [row.id for row in three], "action": "renew"}
        answer = client.submit("/o/acme/invitations/bulk", values)
        page = BeautifulSoup(answer.text, "html.parser")
        links = [field["value"] for field in page.select("#results input[readonly]")]
        assert len(links) == 2
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert [stored(row).revoked_at is None for row in three] == [False, False, True]
        assert join(new_client(), links[0].rpartition("/")[2]).status_code == 303

    def test_htmx_gets_the_links_in_the_region(self, new_client, owner, three):
        client = new_client(owner)
        values = {"ids": [three[0].id], "action": "renew"}
        answer = client.submit("/o/acme/invitations/bulk", values, headers={"HX-Request": "true"})
        region = BeautifulSoup(answer.text, "html.parser")
        assert (answer.status_code, region.h1) == (200, None)
        assert len(region.find(id="results").select("input[readonly]")) == 1

    def test_an_id_of_another_organisation_refuses_the_whole_call(self, new_client, owner, three):
        foreign = orgs.invitation(orgs.org())[0]
        for action in ("revoke", "renew"):
            values = {"ids": [three[0].id, foreign.id], "action": action}
            assert new_client(owner).submit("/o/acme/invitations/bulk", values).status_code == 404
        assert [stored(row).revoked_at for row in (three[0], foreign)] == [None, None]

    @pytest.mark.parametrize(("ids", "action"), [(0, "revoke"), (1, "explode"), (1, "")])
    def test_nonsense_is_refused(self, new_client, owner, three, ids, action):
        values = {"ids": [row.id for row in three[:ids]], "action": action}
        assert new_client(owner).submit("/o/acme/invitations/bulk", values).status_code == 422
