"""The pages of whoever runs the instance."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.auth.models import RecoveryCode, SignInSession, TotpDevice, User
from app.db.tables import EmailOutbox
from app.orgs.models import OrgMember, PlatformSettings
from tests.factories import auth, orgs
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows
from tests.support.pages import parse

PAGES = ("/platform/users", "/platform/orgs", "/platform/sessions")


@pytest.fixture
def operator(connection):
    return auth.platform_admin()


@pytest.fixture
def desk(client, operator):
    """The operator's client."""
    return client.sign_in(operator)


def stored(user) -> User:
    return next(row for row in rows(User) if row.id == user.id)


def actions() -> list[str]:
    return [event.action for event in rows(AuditEvent) if event.org_id is None]


@pytest.mark.parametrize("path", [*PAGES, "/platform", "/platform/system"])
def test_the_pages_do_not_exist_for_others(new_client, operator, path):
    owner = orgs.member(orgs.org(), role="owner")
    assert new_client(owner).get(path).status_code == 404
    assert new_client().get(path).status_code == 302


@pytest.mark.parametrize("path", PAGES)
def test_lists_are_pages_and_fragments(desk, path):
    orgs.member(orgs.org(name="Blue"), user=auth.user(email="ana@example.org"))
    page = desk.both(path)
    assert page.find("table")
    assert desk.both(f"{path}?q=nobody-has-this").find(string="Clear all")


def test_users_are_found(desk, operator):
    auth.user(email="ana@example.org", first_name="Ana", last_name="Lima")
    auth.user(email="ben@example.org", disabled_at="2026-01-01T00:00:00Z")

    def found(query):
        return [cell.get_text().strip() for cell in desk.both(f"/platform/users?{query}").select("tbody th")]

    assert found("q=lima") == ["ana@example.org"]
    assert found("status=disabled") == ["ben@example.org"]
    assert found("role=ADMIN") == [operator.email]


def test_disabling_ends_sessions_at_once_and_can_be_undone(desk, new_client):
    user = auth.user()
    theirs = new_client(user)
    assert theirs.get("/me").status_code == 200
    assert desk.submit(f"/platform/users/{user.id}/disable").status_code == 303
    assert theirs.get("/me").status_code == 302
    assert theirs.submit("/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 422
    assert desk.submit(f"/platform/users/{user.id}/enable").status_code == 303
    assert stored(user).disabled_at is None
    assert [action for action in actions() if action.startswith("user.")] == ["user.disable", "user.enable"]


def test_an_administrator_always_remains(desk, operator):
    assert desk.submit(f"/platform/users/{operator.id}/disable").status_code == 409
    assert desk.submit(f"/platform/users/{operator.id}/demote").status_code == 409
    other = auth.user()
    assert desk.submit(f"/platform/users/{other.id}/promote").status_code == 303
    assert desk.submit(f"/platform/users/{operator.id}/demote").status_code == 303
    assert (stored(operator).role, stored(other).role) == ("GUEST", "ADMIN")
    assert desk.get("/platform/users").status_code == 404


def test_a_reset_link_is_shown_once_and_told(desk, new_client):
    user = auth.user()
    answer = desk.submit(f"/platform/users/{user.id}/resets")
    link = parse(answer.text).find(id="reset-link")["value"]
    theirs = new_client()
    path = link[link.index("/reset/") :]
    assert theirs.get(path).status_code == 302
    assert theirs.submit(path, {"password": "another long passphrase"}).status_code == 303
    assert (
        theirs.submit("/sign-in", {"email": user.email, "password": "another long passphrase"}).status_code
        == 303
    )
    assert "password_reset.issue" in actions()


def test_the_notice_of_a_reset_is_said_at_the_next_sign_in_once(desk, new_client):
    user = auth.user()
    desk.submit(f"/platform/users/{user.id}/resets")
    theirs = new_client()
    theirs.submit("/sign-in", {"email": user.email, "password": PASSWORD})
    assert "An administrator made a link" in theirs.get("/me").text
    assert "An administrator made a link" not in theirs.get("/me").text
    assert "notice" not in stored(user).preferences


def test_a_lost_second_factor_is_removed(app, desk, new_client):
    user = auth.user()
    theirs = new_client(user)
    auth.second_factor(app, user)
    path = f"/platform/users/{user.id}"
    assert desk.page(path).find("form", action=f"{path}/second-factor/remove")
    assert desk.submit(f"{path}/second-factor/remove").location == path
    assert (rows(TotpDevice), rows(RecoveryCode)) == ([], [])
    assert theirs.get("/me").status_code == 302
    assert (
        theirs.submit("/sign-in", {"email": user.email, "password": PASSWORD, "next": "/me"}).location
        == "/me"
    )
    (event,) = rows(AuditEvent, action="second_factor.remove")
    assert (event.target_id, event.org_id) == (user.id, None)
    (mail,) = [row for row in rows(EmailOutbox) if row.template == "account_changed"]
    assert mail.recipient == user.email
    assert desk.page(path).find("form", action=f"{path}/second-factor/remove") is None
    assert desk.submit(f"{path}/second-factor/remove").status_code == 409


def test_who_waits_for_a_code_signs_in_anew_once_none_is_asked_for(app, desk, client):
    user = auth.user()
    auth.second_factor(app, user)
    credentials = {"email": user.email, "password": PASSWORD, "next": "/me"}
    assert client.submit("/sign-in", credentials).location == "/sign-in/code"
    assert client.get("/sign-in/code").status_code == 200
    desk.submit(f"/platform/users/{user.id}/second-factor/remove")
    assert client.get("/sign-in/code").location == "/sign-in?next=/me"
    assert client.submit("/sign-in/code", {"code": "123456"}).location == "/sign-in"
    assert client.submit("/sign-in", credentials).location == "/me"


def test_a_second_factor_is_removed_by_another_person_with_a_recent_password(app, client, operator):
    user = auth.user()
    for person in (user, operator):
        auth.second_factor(app, person)
    long_ago = datetime.now(UTC) - timedelta(minutes=16)
    client.set_cookie("session", auth.sign_in_token(operator, reauthenticated_at=long_ago))
    answer = client.submit(f"/platform/users/{user.id}/second-factor/remove")
    assert answer.location.startswith("/me/confirm")
    assert client.submit("/me/confirm", {"current_password": PASSWORD}).status_code == 303
    assert client.submit(f"/platform/users/{operator.id}/second-factor/remove").status_code == 409
    assert client.submit(f"/platform/users/{user.id}/second-factor/remove").status_code == 303
    assert [code.user_id for code in rows(RecoveryCode)] == [operator.id]


def test_sessions_are_ended(desk, new_client):
    theirs = new_client(auth.user())
    theirs.get("/me")
    session = next(s for s in rows(SignInSession) if s.user_id != rows(User)[0].id)
    assert desk.submit(f"/platform/sessions/{session.id}/revoke").status_code == 303
    assert desk.submit(f"/platform/sessions/{session.id}/revoke").status_code == 404


def test_new_accounts_join_the_default_organisation(desk):
    org = orgs.org(name="Home")
    assert desk.submit("/platform/default-org", {"org_id": str(org.id)}).status_code == 303
    assert rows(PlatformSettings)[0].default_org_id == org.id
    assert "New accounts join" in desk.page("/platform/orgs").get_text()
    for wrong, status in (("nonsense", 422), ("01930000-0000-7000-8000-000000000000", 404)):
        assert desk.submit("/platform/default-org", {"org_id": wrong}).status_code == status
    assert desk.submit("/platform/default-org", {"org_id": ""}).status_code == 303
    assert rows(PlatformSettings)[0].default_org_id is None
    assert actions().count("instance.change_default_org") == 2


def test_organisations_are_listed_with_their_size(desk):
    org = orgs.org(name="Blue")
    orgs.member(org, role="owner")
    orgs.member(org)
    cells = [cell.get_text().strip() for cell in desk.both("/platform/orgs?q=blue").select("tbody td")]
    assert cells[:3] == [f"/o/{org.slug}", "2", "1"]


def test_administration_opens_no_organisation(desk):
    org = orgs.org()
    assert desk.get(f"/o/{org.slug}").status_code == 404
    assert rows(OrgMember) == []
