"""Sample data for an organisation that has nothing yet."""

import pytest

from app.agents.models import Agent, AgentVersion
from app.audit.models import AuditEvent
from app.threads.models import Thread
from tests.factories import agents, orgs, threads
from tests.factories.rows import rows
from tests.support.queries import queries

PATH = "/o/acme/samples"


def offered(client):
    return client.page("/o/acme").find("form", action=PATH) is not None


def test_an_empty_organisation_is_filled_with_one_press(org, owner):
    assert offered(owner)
    owner.submit(PATH)
    home = owner.page("/o/acme")
    assert "5 sample agents and 13 sample threads added." in home.text
    assert not offered(owner)
    made = rows(Agent, org_id=org.id)
    assert len(made) == 5
    assert all(agent.name.endswith(" (sample)") for agent in made)
    assert {version.agent_id for version in rows(AgentVersion)} == {agent.id for agent in made}
    told = rows(Thread, org_id=org.id)
    assert {thread.agent_id for thread in told} == {agent.id for agent in made}
    assert all(thread.cost_micros and thread.message_count and thread.external_user for thread in told)
    assert not any(thread.user_id for thread in told)
    assert len({thread.last_message_at.date() for thread in told}) > 7
    assert "Sample data added" in owner.page("/o/acme/audit?q=sample+data").find("tbody").text


def test_the_samples_give_figures(org, owner):
    owner.submit(PATH)
    page = owner.page("/o/acme/analytics?range=30d")
    figures = [tile.find("strong").text for tile in page.select("a.figure")]
    assert not {"0", "–"} & set(figures)
    assert len(page.select("#by-group ~ .table-scroll tbody tr")) == 5


@pytest.mark.parametrize("there", [agents.agent, lambda org: threads.thread(org, origin="api")])
def test_what_is_there_is_left_alone(org, owner, there):
    there(org)
    assert not offered(owner)
    response = owner.submit(PATH)
    assert response.status_code == 409
    assert "agents or threads here already" in response.text
    assert len(rows(Agent, org_id=org.id)) + len(rows(Thread, org_id=org.id)) == 1
    assert rows(AuditEvent, org_id=org.id, action="org.add_samples") == []


def test_what_others_have_does_not_count_and_stays(org, owner):
    other = orgs.org()
    agents.agent(other)
    owner.submit(PATH)
    assert len(rows(Agent, org_id=org.id)) == 5
    assert len(rows(Agent, org_id=other.id)) == 1


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("member", False), ("admin", True)])
def test_owners_and_admins_are_offered_them(org, new_client, role, may):
    client = new_client(orgs.member(org, role))
    assert offered(client) is may
    assert client.submit(PATH).status_code == (303 if may else 403)


def test_the_offer_costs_one_statement_while_there_are_no_agents(org, owner, member):
    for client, most in ((owner, 6), (member, 5)):
        client.page("/o/acme")
        with queries(max=most):
            client.page("/o/acme")
