"""Organisations: create, home, settings, delete."""

import pytest

from app.audit.models import AuditEvent
from app.db.base import Base
from app.orgs.forms import INVENTORY, inventory
from app.orgs.models import Org
from tests.factories import agents, auth, connections, orgs
from tests.factories.rows import rows, stored
from tests.support.database import as_owner

UNSAID = {
    "connection_models",
    "evaluation_results",
    "spend_reservations",
    "blob_parts",
    "thread_names",
    "thread_counts",
    "message_search",
    "task_attempts",
    "task_events",
    "idempotency_keys",
    "knowledge_base_generations",
    "knowledge_base_table_rows",
    "knowledge_base_web_pages",
    "knowledge_base_chunks",
    "knowledge_base_chunk_search",
    "embeddings",
    "retrieval_test_runs",
}


@pytest.fixture
def client(new_client, owner):
    return new_client(owner)


def left_of(org):
    tables = [table for table in Base.metadata.sorted_tables if "org_id" in table.c]
    with as_owner() as session:
        return {t.name for t in tables if session.execute(t.select().where(t.c.org_id == org.id)).first()}


def test_nobody_without_an_organisation_is_lost(new_client):
    client = new_client(auth.user())
    assert client.page("/").find("a", href="/orgs/new")
    client.page("/orgs/new")
    assert client.submit("/orgs/new", {"name": "  "}).status_code == 422
    assert client.submit("/orgs/new", {"name": "Acme"}).location == "/o/acme"
    assert client.get("/").location == "/o/acme"


def test_the_start_page_leads_to_the_organisation_used_last(new_client, owner, org):
    orgs.member(orgs.org(name="Aaa", slug="aaa"), "viewer", owner)
    client = new_client(owner)
    assert client.get("/").location == "/o/aaa"
    client.get("/o/acme")
    assert client.get("/").location == "/o/acme"


def test_first_steps_tick_themselves_off_and_can_be_dismissed(client, org):
    steps = {link.text.strip(): link["href"] for link in client.page("/o/acme").select(".step a")}
    assert steps == {
        "Connect a model": "/o/acme/connections/new",
        "Create an agent": "/o/acme/agents/new",
        "Invite": "/o/acme/invitations/new",
    }
    agents.agent(org)
    connections.connection(org)
    assert len(client.page("/o/acme").select(".step-done")) == 2
    assert client.submit("/o/acme/cards/invite/dismiss").status_code == 303
    assert client.submit("/o/acme/cards/invite/dismiss").status_code == 303
    assert client.page("/o/acme").find(class_="step") is None
    assert len(rows(AuditEvent, action="org.dismiss_card")) == 1
    assert client.submit("/o/acme/cards/unknown/dismiss").status_code == 404


def test_owners_rename_and_old_addresses_end(client, new_client, org):
    client.page("/o/acme/settings")
    assert (
        client.submit("/o/acme/settings/name", {"name": "New", "slug": "new"}).location == "/o/new/settings"
    )
    assert client.get("/o/acme").status_code == 404
    (event,) = rows(AuditEvent, action="org.update")
    assert (event.before, event.after) == ({"name": "Acme", "slug": "acme"}, {"name": "New", "slug": "new"})


@pytest.mark.parametrize("slug", ["", "taken", "Upper", "a--b", "-a", "a\n", "x" * 61, "ä"])
def test_addresses_are_checked(client, slug, org):
    orgs.org(slug="taken")
    assert client.submit("/o/acme/settings/name", {"name": "Acme", "slug": slug}).status_code == 422
    assert stored(org).slug == "acme"


def test_admins_set_the_zone_but_neither_rename_nor_delete(new_client, org, owner):
    admin = new_client(orgs.member(org, "admin"))
    assert admin.submit("/o/acme/settings", {"time_zone": "Europe/Berlin"}).status_code == 303
    assert stored(org).settings["time_zone"] == "Europe/Berlin"
    assert admin.submit("/o/acme/settings", {"time_zone": "Moon/Base"}).status_code == 422
    assert admin.submit("/o/acme/settings/name", {"name": "X", "slug": "x"}).status_code == 403
    assert admin.submit("/o/acme/settings/delete", {"name": "Acme"}).status_code == 403
    assert new_client(orgs.member(org, "member")).get("/o/acme/settings").status_code == 403


@pytest.mark.parametrize("name", ["Two  spaces", "Acme\u00a0GmbH", "Acme\u2003"])
def test_a_name_is_confirmed_as_it_is_read_on_the_page(new_client, connection, name):
    org = orgs.org(name=name, slug="two")
    client = new_client(orgs.member(org, "owner"))
    assert client.submit("/o/two/settings/delete", {"name": " ".join(name.split())}).location == "/"


def test_deleting_wants_the_name_and_leaves_no_row(client, org, owner):
    agents.agent(org)
    orgs.invitation(org)
    orgs.api_key(org, owner)
    said = [
        " ".join(item.text.split()) for item in client.page("/o/acme/settings/delete").select(".impact li")
    ]
    assert said == ["1 agent", "1 member", "1 invitation", "1 API key"]
    assert client.submit("/o/acme/settings/delete", {"name": "acme"}).status_code == 422
    assert stored(org)
    assert client.submit("/o/acme/settings/delete", {"name": "Acme"}).location == "/"
    assert (rows(Org), left_of(org)) == ([], set())
    (event,) = rows(AuditEvent, action="org.delete")
    assert (event.org_id, event.actor_id, event.before["rows"]["agents"]) == (None, owner.id, 1)


def test_the_inventory_of_a_deletion_knows_singular_and_plural():
    assert inventory({"agents": 2, "api_keys": 1, "org_members": 0}) == [(2, "agents"), (1, "API key")]


def test_everything_that_goes_with_an_organisation_has_a_name():
    """A table whose rows are mere parts of others belongs into UNSAID."""
    tables = {table.name for table in Base.metadata.sorted_tables if "org_id" in table.c}
    assert tables - UNSAID == set(INVENTORY)


def test_a_form_sent_twice_makes_one_organisation(client, org):
    once = client.page("/orgs/new").find(attrs={"name": "once"})["value"]
    answers = [client.submit("/orgs/new", {"name": "Twice", "once": once}) for _ in range(2)]
    assert {answer.location for answer in answers} == {"/o/twice"}
    assert len(rows(Org, name="Twice")) == 1
    assert client.submit("/orgs/new", {"name": "Other", "once": once}).status_code == 409


def test_switching_stays_in_the_section_where_the_role_opens_it(client, owner, org):
    orgs.member(orgs.org(name="Blue", slug="blue"), "member", owner)

    def leads(path):
        page = client.page(path)
        return page.find("a", attrs={"data-command": "Blue"})["href"]

    assert leads("/o/acme/members") == "/o/blue/members"
    assert leads("/o/acme/agents") == "/o/blue/agents"
    assert leads("/o/acme/audit") == "/o/blue"
    assert leads("/me") == "/o/blue"
