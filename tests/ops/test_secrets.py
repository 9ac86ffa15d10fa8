"""Planted secrets are looked for in everything the product writes down."""

import json
import re

import pytest
from psycopg import sql

from app.web.security import session_cookie_name
from tests.factories import auth, orgs
from tests.factories.auth import PASSWORD
from tests.support.database import SECRET_KEY

pytestmark = pytest.mark.conformance

WRONG = "never the right passphrase"
NASTY = "/nothing%0d%0a%1b[31mforged"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def dump(connection) -> str:
    """Every row of every table as text; binary columns also as the text they might hold."""
    rows = [
        str(row)
        for (table,) in connection.execute(TABLES).fetchall()
        for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
    ]
    return "\n".join(rows)


@pytest.fixture
def written(live):
    """What web, worker and database hold after sign-ins, an invitation and a reset; and the secrets used."""
    with live.application().app_context():
        cookie = session_cookie_name()
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner", user=auth.user(email="ana@example.org"))
    with live.client() as client:
        client.get(NASTY)
        client.submit("/sign-in", {"email": owner.email, "password": WRONG})
        client.submit("/sign-in", {"email": owner.email, "password": PASSWORD})
        session = client.cookies[cookie]
        client.submit(
            "/o/acme/invitations/new",
            {"email": "ben@example.org", "role": "member", "expires_in_hours": "24"},
        )
    with live.client() as client:
        client.submit("/reset", {"email": owner.email})
    (invited,) = live.mail.wait_for("ben@example.org")
    links = [
        *invited.links,
        *next(mail.links for mail in live.mail.wait_for(owner.email, 2) if "/reset/" in mail.text),
    ]
    tokens = [match[0] for link in links if (match := re.search(r"[\w-]{40,}", link))]
    with live.client() as client:
        for link in links:
            client.get(link, follow_redirects=True)
    assert len(tokens) == 2
    with live.connect() as connection:
        rows = dump(connection)
    places = {"web": live.web.output(), "worker": live.worker.output(), "database": rows}
    return places, [PASSWORD, WRONG, session, SECRET_KEY, *tokens]


def test_br_2_no_secret_is_written_down(written):
    places, secrets = written
    found = [(place, secret) for place, text in places.items() for secret in secrets if secret in text]
    assert found == []
    assert "ben@example.org" in places["database"]  # the search does find what is there


def test_br_2_one_json_line_per_event_and_none_forged(written):
    places, _ = written
    lines = [
        line for line in places["web"].splitlines() if "gunicorn" not in line and not line.startswith("[")
    ]
    assert lines
    for line in lines:
        assert json.loads(line)["event"]
        assert "\x1b" not in line
