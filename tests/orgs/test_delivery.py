"""What became of an invitation's mail stands beside the invitation."""

from datetime import UTC, datetime

import pytest

from app.db.tables import EmailOutbox
from app.orgs.repo.invitations import MAIL_TEMPLATE
from tests.factories import orgs
from tests.factories.rows import save
from tests.support.queries import queries

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def home(connection):
    return orgs.org()


def mail(org, invitation, **values):
    return save(
        EmailOutbox(
            org_id=org.id, recipient=invitation.email, template=MAIL_TEMPLATE, subject="Join", **values
        )
    )


def status(new_client, org) -> str:
    page = new_client(orgs.member(org, "admin")).both(f"/o/{org.slug}/invitations")
    return " ".join(page.select_one("td[data-label=Status]").get_text(" ").split())


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, "Pending Mail on its way"),
        ({"error": "451 Try again later"}, "Pending Mail delayed: 451 Try again later"),
        ({"failed_at": NOW, "error": "550 No such person"}, "Pending Mail not delivered: 550 No such person"),
        ({"sent_at": NOW}, "Pending"),
    ],
)
def test_the_list_says_what_became_of_the_mail(new_client, home, values, shown):
    invitation, _ = orgs.invitation(home)
    mail(home, invitation, **values)
    assert status(new_client, home) == shown


def test_without_mail_nothing_is_said(new_client, home):
    orgs.invitation(home)
    assert status(new_client, home) == "Pending"


def test_the_newest_mail_counts_and_only_of_this_organisation(new_client, home):
    invitation, _ = orgs.invitation(home)
    mail(home, invitation, failed_at=NOW, error="550 Old")
    mail(home, invitation, sent_at=NOW)
    mail(orgs.org(), invitation, failed_at=NOW, error="550 Elsewhere")
    assert status(new_client, home) == "Pending"


def test_the_list_stays_within_its_statements(new_client, home):
    for _ in range(30):
        mail(home, orgs.invitation(home)[0])
    client = new_client(orgs.member(home, "admin"))
    with queries(max=4):
        client.page(f"/o/{home.slug}/invitations")
