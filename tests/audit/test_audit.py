"""The audit log of an organisation."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from uuid_utils.compat import uuid7

from app.audit.models import AuditEvent
from app.db.base import db
from tests.factories import agents, orgs
from tests.factories.rows import rows, save
from tests.support.queries import queries


@pytest.fixture
def org():
    return orgs.org(slug="acme")


@pytest.fixture
def admin(org, new_client):
    return new_client(orgs.member(org, "admin"))


def event(org, **values):
    defaults = {"actor_label": "ana@example.org", "action": "agent.change", "target_type": "agent"}
    defaults |= {"target_id": uuid7(), "target_label": "Support", "address": "192.0.2.7"}
    return save(AuditEvent(org_id=org.id, **defaults | values))


def test_the_list_shows_who_did_what_newest_first(connection, org, admin):
    event(org, target_label="First", created_at=datetime.now(UTC) - timedelta(hours=1))
    event(org, target_label="Second", action="agent.archive", actor_label="ben@example.org")
    page = admin.both("/o/acme/audit")
    names = [row.find("td", attrs={"data-label": "What"}).text for row in page.select("tbody tr")]
    assert names == ["Second", "First"]
    assert "Agent archived" in page.text
    assert "ben@example.org" in page.text


@pytest.mark.parametrize(
    "query",
    [
        "q=second",
        "actor=ben@example.org",
        "action=agent.archive",
        "target=thread",
        "address=198.51.100.9",
        "at=24h",
    ],
)
def test_search_and_filters(connection, org, admin, query):
    event(org, target_label="First", created_at=datetime.now(UTC) - timedelta(days=3))
    event(
        org,
        target_label="Second",
        action="agent.archive",
        actor_label="ben@example.org",
        target_type="thread",
        address="198.51.100.9",
    )
    page = admin.both(f"/o/acme/audit?{query}")
    assert [row.find("td", attrs={"data-label": "What"}).text for row in page.select("tbody tr")] == [
        "Second"
    ]


def test_a_page_costs_four_statements_whatever_the_number_of_events(connection, org, admin):
    for _ in range(25):
        event(org)
    with queries(max=4):
        page = admin.page("/o/acme/audit")
    assert len(page.select("tbody tr")) == 20


def test_one_event_shows_before_and_after_as_text(connection, org, admin):
    stored = event(
        org,
        before={"name": "<b>Old</b>", "enabled": True, "tools": ["a"], "gone": "x"},
        after={"name": "New", "enabled": False, "tools": ["a", "b"]},
    )
    page = admin.page(f"/o/acme/audit/{stored.id}")
    before = {item.text.removeprefix("Before: ") for item in page.select("del")}
    after = {item.text.removeprefix("After: ") for item in page.select("ins")}
    assert (before, after) == ({"<b>Old</b>", "yes", '["a"]', "x"}, {"New", "no", '["a","b"]'})


@pytest.mark.parametrize(
    "q",
    ["Agent taken back", '"TAKEN BACK TO AN EARLIER"', "agent.roll", "taken ana@example.org", "mcp server"],
)
def test_the_search_knows_the_words_of_the_page(connection, org, admin, q):
    event(org, target_label="First", created_at=datetime.now(UTC) - timedelta(days=3))
    event(org, target_label=None, action="agent.roll_back", target_type="mcp_server")
    page = admin.both(f"/o/acme/audit?{urlencode({'q': q})}")
    assert [row.find("a").text.strip() for row in page.select("tbody tr")] == [
        "Agent taken back to an earlier version"
    ]
    lines = admin.get(f"/o/acme/audit.csv?{urlencode({'q': q})}").text.splitlines()
    assert len(lines) == 2


def test_a_search_costs_no_statement_more(connection, org, admin):
    event(org)
    admin.page("/o/acme/audit")
    with queries() as plain:
        admin.page("/o/acme/audit")
    with queries(max=len(plain)):
        admin.page("/o/acme/audit?q=agent+changed+ana")


def test_another_organisations_events_do_not_exist(connection, org, admin):
    foreign = event(orgs.org(), target_label="Canary")
    assert admin.get(f"/o/acme/audit/{foreign.id}").status_code == 404
    assert admin.page("/o/acme/audit?q=Canary").select("tbody tr") == []
    assert "Canary" not in admin.get("/o/acme/audit.csv").text


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("member", 403), ("admin", 200), ("owner", 200)]
)
def test_owners_and_admins_read_it(connection, org, new_client, role, status):
    client = new_client(orgs.member(org, role))
    assert client.get("/o/acme/audit").status_code == status


def test_an_export_is_itself_an_event_and_holds_no_formula(connection, org, admin):
    event(org, actor_label="=1+1")
    response = admin.get("/o/acme/audit.csv?actor=%3D1%2B1")
    (line,) = csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert line["actor_label"] == "'=1+1"
    (exported,) = rows(AuditEvent, action="audit.export")
    assert exported.after["format"] == "csv"


def test_values_before_and_after_are_json_in_a_table_too(connection, org, admin):
    before, after = {"role": "member", "note": None}, {"roles": ["owner"], "note": "It's"}
    event(org, before=before, after=after, action="member.change_role")
    response = admin.get("/o/acme/audit.csv?action=member.change_role")
    (line,) = csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert (json.loads(line["before"]), json.loads(line["after"])) == (before, after)


@pytest.mark.parametrize("change", ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"])
def test_br_2_the_application_can_neither_change_nor_delete_events(acting, org, change):
    acting(org)
    event(org)
    with pytest.raises(ProgrammingError, match="permission denied"):
        db.session.execute(text(change))


def test_the_log_and_the_history_of_a_thing_use_the_words_of_people(connection, org, admin):
    agent = agents.agent(org)
    values = {"action": "agent.roll_back", "target_id": agent.id}
    event(
        org,
        **values,
        before={"rag_enabled": [], "enabled": True},
        after={"rag_enabled": [], "enabled": False},
    )
    assert "Agent taken back to an earlier version" in admin.page("/o/acme/audit").text
    history = admin.page(f"/o/acme/agents/{agent.id}").select_one(".history").get_text(" ", strip=True)
    assert "Agent taken back to an earlier version by" in history
    assert "Enabled, Knowledge bases" in history
    assert "Before: yes After: no" in history
    assert "rag" not in history
