"""The log of an organisation's mail, and the system page with its test message."""

import platform
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.config import VERSION
from app.db.tables import EmailOutbox
from tests.factories import auth, orgs
from tests.factories.rows import save
from tests.support import smtp
from tests.support.queries import queries


def mail(org, recipient, **values):
    return save(EmailOutbox(org_id=org.id, recipient=recipient, template="test", subject="Join us", **values))


def facts(page):
    return {term.text: " ".join(term.find_next("dd").text.split()) for term in page.find_all("dt")}


def test_the_log_says_what_became_of_each_message(connection, new_client):
    org = orgs.org(slug="acme")
    mail(org, "sent@example.org", sent_at=datetime.now(UTC), attempts=1)
    mail(org, "lost@example.org", failed_at=datetime.now(UTC), attempts=1, error="550 No such person here")
    mail(orgs.org(), "foreign@example.org")
    client = new_client(orgs.member(org, "admin"))
    with queries(max=4):
        page = client.page("/o/acme/mail")
    assert "550 No such person here" in page.text
    assert "foreign@example.org" not in page.text
    client.both("/o/acme/mail")
    failed = client.both("/o/acme/mail?status=failed")
    assert [cell.text for cell in failed.select("tbody th")] == ["lost@example.org"]


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("member", 403), ("admin", 200), ("owner", 200)]
)
def test_the_log_is_for_owners_and_admins(connection, new_client, role, status):
    org = orgs.org(slug="acme")
    assert new_client(orgs.member(org, role)).get("/o/acme/mail").status_code == status


def test_the_system_page_is_for_platform_admins(connection, new_client):
    assert "Database" in new_client(auth.platform_admin()).page("/platform/system").text
    assert new_client(auth.user()).get("/platform/system").status_code == 404


def test_the_system_page_names_versions_and_size(app, connection, new_client):
    shown = facts(new_client(auth.platform_admin()).page("/platform/system"))
    asked = "SELECT split_part(current_setting('server_version'), ' ', 1), extversion FROM pg_extension"
    postgresql, pgvector = connection.execute(text(f"{asked} WHERE extname = 'vector'")).one()
    assert (
        shown.items()
        >= {
            "AgentPress": VERSION,
            "PostgreSQL": postgresql,
            "pgvector": pgvector,
            "Python": platform.python_version(),
            "Migration revision": app.extensions["migrations_head"],
        }.items()
    )
    assert shown["Database size"].endswith(" MB")
    assert shown["Redis"][0].isdigit() == bool(app.extensions["settings"].redis_url)


def test_the_system_page_tells_mail_given_up_from_mail_that_is_off(connection, new_client, request):
    client = new_client(auth.platform_admin())
    mail(orgs.org(), "lost@example.org", failed_at=datetime.now(UTC))
    off = facts(client.page("/platform/system"))
    assert off["Not sent within 24 hours"] == "1, as mail is off"
    assert "Given up within 24 hours" not in off
    request.getfixturevalue("sink")
    assert facts(client.page("/platform/system"))["Given up within 24 hours"] == "1"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (smtp.ACCEPT, "250 Taken"),
        (smtp.TEMPORARY, "451 Try again later"),
        (smtp.PERMANENT, "550 No such person"),
    ],
)
def test_a_test_message_shows_the_servers_own_answer(connection, new_client, sink, mode, said):
    client = new_client(auth.platform_admin())
    sink.mode = mode
    response = client.submit("/platform/system/test-mails", {"recipient": "ops@example.org"})
    assert response.status_code == 200
    assert said in response.text
    assert len(sink.mails) == (mode == smtp.ACCEPT)


def test_a_test_message_says_when_mail_is_off_or_the_address_is_none(connection, new_client):
    client = new_client(auth.platform_admin())
    off = client.submit("/platform/system/test-mails", {"recipient": "ops@example.org"})
    assert "Mail is off" in off.text
    bad = client.submit("/platform/system/test-mails", {"recipient": "a@example.org, b@example.org"})
    assert bad.status_code == 422
