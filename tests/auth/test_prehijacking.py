"""Accounts that a stranger registered for somebody else's address before they came (Sudhodanan and Paverd, 2022)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.auth.models import RecoveryCode, SignInSession, User
from app.db.session import transaction
from app.orgs.models import ApiKey, OrgMember, PlatformSettings
from app.orgs.services.accounts import NewAccount, create_user
from tests.factories import auth, orgs
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, save, stored
from tests.support.pages import parse

EMAIL, NEW = "ana@example.org", "an entirely different phrase"


@pytest.fixture
def registration_is_open(app, mails):
    app.extensions["settings"] = replace(app.extensions["settings"], open_registration=True)
    auth.platform_admin()


@pytest.fixture
def stranger(registration_is_open, new_client):
    """The browser of a stranger who registered EMAIL."""
    client = new_client()
    assert (
        client.submit("/sign-up", {"email": EMAIL, "first_name": "Ana", "password": PASSWORD}).status_code
        == 303
    )
    return client


def account() -> User:
    (found,) = rows(User, email=EMAIL)
    return found


def reset(client, mails):
    assert client.submit("/reset", {"email": EMAIL}).location == "/reset/sent"
    token = [mail.token() for mail in mails() if mail.template == "password_reset"][-1]
    answer = client.submit(f"/reset/{token}", {"password": NEW})
    assert answer.status_code == 303
    return answer.location


def entries(page) -> list[str]:
    return [" ".join(entry.text.split()) for entry in page.select("main .methods li")]


def enters(client, sign_in) -> bool:
    return sign_in(client, EMAIL, NEW, next="/me").location == "/me"


def test_unexpired_session(stranger, client, mails, sign_in):
    assert stranger.get("/me").status_code == 200
    reset(client, mails)
    assert stranger.get("/me").status_code == 302
    assert rows(SignInSession, user_id=account().id) == []
    assert sign_in(stranger, EMAIL).status_code == 422
    assert enters(client, sign_in)


def test_trojan_identifier(app, connection, stranger, client, mails, sign_in):
    """A provider, a second factor and a key of the stranger's own, which would outlive the password."""
    person = account()
    connection.exec_driver_sql("UPDATE users SET github_id = 'stranger' WHERE email = %s", (EMAIL,))
    auth.second_factor(app, person)
    org = orgs.org()
    orgs.member(org, user=person)
    orgs.api_key(org, person)
    kept, _ = orgs.api_key(org, orgs.member(org))
    reset(client, mails)
    found = account()
    assert (found.github_id, found.google_id, rows(RecoveryCode)) == (None, None, [])
    assert [key.id for key in rows(ApiKey) if key.revoked_at is None] == [kept.id]
    assert enters(client, sign_in)
    told = [mail.context["what"] for mail in mails() if "Other ways in" in mail.context.get("title", "")]
    assert len(told) == 1
    assert "GitHub, the second factor, the API keys" in told[0]
    assert "belongs to 1 organisation:" in told[0]
    assert {"email.prove", "identity.unlink", "second_factor.off", "api_key.revoke"} <= {
        event.action for event in rows(AuditEvent)
    }


def test_memberships_are_shown_with_a_way_out(stranger, client, mails, sign_in):
    person = account()
    stranger.submit("/orgs/new", {"name": "Mine"})
    orgs.member(orgs.org(name="Theirs", slug="theirs"), "viewer", person)
    assert reset(client, mails) == "/sign-in?next=/me/orgs"
    told = [
        mail.context["what"] for mail in mails() if mail.context.get("title") == "Look at your organisations"
    ]
    assert len(told) == 1
    assert "belongs to 2 organisations: leave those that you do not know, at http" in told[0]
    assert "removed" not in told[0]
    assert sign_in(client, EMAIL, NEW, next="/me/orgs").location == "/me/orgs"
    page = client.page("/me/orgs")
    assert "Somebody else may have registered your address" in page.find(id="toasts").text
    assert entries(page) == ["Mine Owner Leave Mine", "Theirs Viewer Leave Theirs"]
    out = [link["href"] for link in page.select("main .methods a") if "Leave" in link.text]
    assert client.page(out[0]).find("a", href="/o/mine/settings/delete")
    client.page(out[1])
    assert client.submit(out[1]).status_code == 303
    page = client.page("/me/orgs")
    assert entries(page) == ["Mine Owner Leave Mine"]
    assert "registered your address" not in page.text


def test_an_owner_whom_a_stranger_let_in_sets_no_password(stranger, client, new_client, mails):
    """The membership is older than the proof of the address, so the person may never have agreed to it."""
    org = orgs.org(slug="trap")
    owner = new_client(orgs.member(org, "owner"))
    _, token = orgs.invitation(org, email=EMAIL, invited_by=rows(OrgMember, org_id=org.id)[0].user_id)
    stranger.get(f"/invitations/{token}")
    assert stranger.submit("/invitations/open").location == "/o/trap"
    page = f"/o/trap/members/{rows(OrgMember, user_id=account().id)[0].id}"
    assert "Make reset link" in owner.page(page).text
    reset(client, mails)
    assert "Make reset link" not in owner.page(page).text
    assert owner.submit(f"{page}/resets").status_code == 403


@pytest.mark.parametrize(("is_open", "status"), [(True, 403), (False, 200)])
def test_where_nobody_registers_by_themselves_an_owner_helps_every_member(
    app, registration_is_open, new_client, is_open, status
):
    """As those whose account is older than the note of when its address was proven."""
    app.extensions["settings"] = replace(app.extensions["settings"], open_registration=is_open)
    org = orgs.org(slug="acme")
    owner, person = (
        orgs.member(org, "owner"),
        auth.user(email_proven_at=datetime.now(UTC) + timedelta(minutes=1)),
    )
    orgs.member(org, user=person)
    page = f"/o/acme/members/{rows(OrgMember, user_id=person.id)[0].id}"
    assert new_client(owner).submit(f"{page}/resets").status_code == status


def test_an_owner_helps_who_joined_with_a_proven_address(app, registration_is_open):
    """Both at the same moment: the default organisation is joined with the account."""
    org = orgs.org()
    save(PlatformSettings(id=1, default_org_id=org.id))
    with app.test_request_context(), transaction():
        user = create_user(NewAccount(email=EMAIL, proven=True))
    (member,) = rows(OrgMember, user_id=user.id)
    assert member.created_at >= account().email_proven_at


def test_an_account_without_anything_is_told_of_its_password_alone(stranger, client, mails, sign_in):
    reset(client, mails)
    assert [mail.context["title"] for mail in mails() if mail.template == "account_changed"] == [
        "Your password was changed"
    ]
    assert sign_in(client, EMAIL, NEW, next="/me/orgs").location == "/me/orgs"
    page = client.page("/me/orgs")
    assert "You belong to no organisation" in page.text
    assert "registered your address" not in page.text


def test_unexpired_email_change(stranger, client, mails, sign_in):
    stranger.submit("/me/email", {"email": "stranger@example.org"})
    waiting = mails()[-1].token("confirm_url")
    reset(client, mails)
    assert client.get(f"/email-changes/{waiting}").status_code == 410
    assert enters(client, sign_in)


def test_an_account_is_not_moved_to_an_address_by_who_reads_its_mail(stranger, client, new_client, mails):
    """Its owner could come back, by a provider or by undoing the move, to an account somebody else takes for theirs."""
    stranger.submit("/me/email", {"email": "victim@example.org"})
    token = mails()[-1].token("confirm_url")
    client.get(f"/email-changes/{token}")
    assert client.submit("/email-changes/confirm").location == "/sign-in?next=/email-changes/confirm"
    other = new_client(auth.user())
    other.get(f"/email-changes/{token}")
    assert other.submit("/email-changes/confirm").status_code == 403
    assert account().email == EMAIL
    stranger.get(f"/email-changes/{token}")
    assert stranger.submit("/email-changes/confirm").location == "/me/email"
    assert rows(User, email=EMAIL) == []


def test_who_registers_is_asked_to_confirm_the_address(stranger, mails):
    (mail,) = mails()
    assert (mail.recipient, mail.template) == (EMAIL, "email_confirm")
    stranger.get(f"/email-changes/{mail.token('confirm_url')}")
    assert stranger.submit("/email-changes/confirm").location == "/me/email"
    assert account().email_proven_at


def test_an_address_that_was_left_and_is_given_back_is_as_unproven_as_before(
    app, stranger, client, mails, sign_in
):
    stranger.submit("/me/email", {"email": "stranger@example.org"})
    stranger.get(f"/email-changes/{mails()[-1].token('confirm_url')}")
    assert stranger.submit("/email-changes/confirm").status_code == 303
    (moved,) = rows(User, email="stranger@example.org")
    assert moved.email_proven_at
    auth.second_factor(app, moved)
    client.get(f"/email-changes/undo/{mails()[-1].token('undo_url')}")
    assert client.submit("/email-changes/undo").location == "/reset"
    reset(client, mails)
    assert enters(client, sign_in)


def test_a_proven_address_stays_so_when_it_is_given_back(app, connection, client, mails, sign_in):
    person = auth.user(email=EMAIL)
    auth.second_factor(app, person)
    connection.exec_driver_sql("UPDATE totp_devices SET created_at = 'yesterday', confirmed_at = 'yesterday'")
    client.sign_in(person)
    client.submit("/me/email", {"email": "other@example.org"})
    client.get(f"/email-changes/{mails()[-1].token('confirm_url')}")
    assert client.submit("/email-changes/confirm").status_code == 303
    client.get(f"/email-changes/undo/{mails()[-1].token('undo_url')}")
    assert client.submit("/email-changes/undo").location == "/reset"
    reset(client, mails)
    assert sign_in(client, EMAIL, NEW).location == "/sign-in/code"


def test_what_a_proven_address_has_survives_a_reset(app, client, mails, sign_in):
    person = auth.user(email=EMAIL, github_id="theirs")
    auth.second_factor(app, person)
    org = orgs.org()
    orgs.member(org, user=person)
    key, _ = orgs.api_key(org, person)
    assert reset(client, mails) == "/sign-in"
    assert sign_in(client, EMAIL, NEW).location == "/sign-in/code"
    assert (stored(person).github_id, stored(key).revoked_at) == ("theirs", None)


def test_what_was_set_up_after_the_first_reset_survives_the_next(app, stranger, client, mails, sign_in):
    reset(client, mails)
    auth.second_factor(app, account())
    reset(client, mails)
    assert sign_in(client, EMAIL, NEW).location == "/sign-in/code"


def test_a_link_that_was_handed_over_proves_nothing_and_removes_nothing(app, stranger, new_client, sign_in):
    person = account()
    auth.second_factor(app, person)
    desk = new_client(auth.platform_admin())
    shown = parse(desk.submit(f"/platform/users/{person.id}/resets").text).find(id="reset-link")["value"]
    client = new_client()
    assert client.submit(shown[shown.index("/reset/") :], {"password": NEW}).status_code == 303
    assert sign_in(client, EMAIL, NEW).location == "/sign-in/code"
    assert account().email_proven_at is None


def test_who_is_signed_in_proves_the_address_of_the_account(app, stranger, client, mails, sign_in):
    assert stranger.page("/me/two-factor").find(string=lambda text: "is not confirmed" in text)
    form = stranger.page("/me/email").find("input", attrs={"type": "hidden", "name": "email"})
    assert stranger.submit("/me/email", {"email": form["value"]}).location == "/me/email/sent"
    token = mails()[-1].token("confirm_url")
    client.get(f"/email-changes/{token}")
    assert client.submit("/email-changes/confirm").location == "/sign-in?next=/email-changes/confirm"
    assert account().email_proven_at is None
    stranger.get(f"/email-changes/{token}")
    assert "reaches you" in stranger.page("/email-changes/confirm").text
    assert stranger.submit("/email-changes/confirm").location == "/me/email"
    assert account().email_proven_at
    assert "is not confirmed" not in stranger.get("/me/two-factor").text
    assert stranger.submit("/me/email", {"email": EMAIL}).status_code == 422
    assert stranger.get(f"/email-changes/{token}").status_code == 410
    assert not [mail for mail in mails() if mail.template == "email_changed"]


def test_another_account_proves_no_address(stranger, new_client, mails):
    stranger.submit("/me/email", {"email": EMAIL})
    other = new_client(auth.user())
    other.get(f"/email-changes/{mails()[-1].token('confirm_url')}")
    assert other.submit("/email-changes/confirm").status_code == 403
    assert account().email_proven_at is None


@pytest.mark.parametrize(("is_open", "proven"), [(True, False), (False, True)])
def test_an_invitation_proves_an_address_where_not_everyone_can_invite(
    app, registration_is_open, client, is_open, proven
):
    app.extensions["settings"] = replace(app.extensions["settings"], open_registration=is_open)
    org = orgs.org()
    owner = orgs.member(org, role="owner")
    _, token = orgs.invitation(org, email=EMAIL, invited_by=owner.id)
    client.get(f"/invitations/{token}")
    assert client.submit("/invitations/open", {"first_name": "Ana", "password": PASSWORD}).status_code == 303
    assert (account().email_proven_at is not None) is proven
    assert rows(OrgMember, user_id=account().id)
