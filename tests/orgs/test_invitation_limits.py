"""How many invitations are mailed."""

from dataclasses import replace

import pytest

from app.auth.models import LoginAttempt
from app.config import MailSettings
from app.orgs.models import Invitation
from app.orgs.services import invitations
from tests.factories import orgs
from tests.factories.rows import rows, stored
from tests.support.pages import parse

PATH = "/o/acme/invitations"


@pytest.fixture
def mail(app, connection, monkeypatch):
    server = MailSettings("127.0.0.1", 9, None, None, False, False, "agentpress@example.org")
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], mail=server))


@pytest.fixture
def host(new_client, connection):
    """The browser of an owner."""
    return new_client(orgs.member(orgs.org(slug="acme"), "owner"))


def invite(client, email="b@example.org"):
    return client.submit(f"{PATH}/new", {"email": email, "role": "viewer"})


def test_one_address_gets_ten_a_day(mail, host):
    for _ in range(invitations.MAILS_PER_ADDRESS):
        assert invite(host).status_code == 200
    latest = next(row for row in rows(Invitation) if row.revoked_at is None)
    answer = invite(host)
    page = parse(answer.text)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 3600) == (429, True)
    assert page.find("input", attrs={"name": "email"})["value"] == "b@example.org"
    assert page.find("input", value="viewer").has_attr("checked")
    assert "Too many invitations were sent to this address" in page.main.text
    renewed = host.submit(f"{PATH}/{latest.id}/renew")
    assert (renewed.status_code, "Retry-After" in renewed.headers) == (429, True)
    assert stored(latest).revoked_at is None
    assert len(rows(Invitation)) == invitations.MAILS_PER_ADDRESS
    assert invite(host, "c@example.org").status_code == 200


def test_one_person_causes_so_many_an_hour(mail, host, monkeypatch):
    monkeypatch.setattr(invitations, "MAILS_PER_INVITER", 2)
    assert [invite(host, f"b{n}@example.org").status_code for n in range(3)] == [200, 200, 429]
    values = {"ids": [row.id for row in rows(Invitation)], "action": "renew"}
    answer = host.submit(f"{PATH}/bulk", values)
    assert answer.status_code == 200
    assert [row.revoked_at for row in rows(Invitation)] == [None, None]


def test_what_is_skipped_counts_for_no_address(mail, host, monkeypatch):
    assert invite(host).status_code == 200
    counted = sorted(row.moments for row in rows(LoginAttempt))
    monkeypatch.setattr(invitations, "MAILS_PER_INVITER", 1)
    values = {"ids": [row.id for row in rows(Invitation)], "action": "renew"}
    assert host.submit(f"{PATH}/bulk", values).status_code == 200
    assert sorted(row.moments for row in rows(LoginAttempt)) == counted


def test_without_mail_nothing_is_counted(host, monkeypatch):
    monkeypatch.setattr(invitations, "MAILS_PER_INVITER", 2)
    assert [invite(host, f"b{n}@example.org").status_code for n in range(3)] == [200, 200, 200]
