"""The list of agents."""

import pytest

from tests.factories import agents
from tests.support.queries import queries


def names(page):
    return [link.text for link in page.select("tbody th a")]


def test_an_empty_organisation_offers_the_first_agent(member, org):
    page = member.both("/o/acme/agents")
    assert "No agents yet" in page.find(id="results").text
    assert page.find(id="results").find("a", href="/o/acme/agents/new")


def test_rows_link_to_their_agents(member, org):
    first = agents.agent(org, name="Alpha <b>", description="x & y")
    page = member.both("/o/acme/agents")
    assert names(page) == ["Alpha <b>"]
    assert page.select_one("tbody th a")["href"] == f"/o/acme/agents/{first.id}"


@pytest.mark.parametrize("per", [20, 50, 100])
def test_a_page_costs_four_statements_whatever_its_size(member, org, per):
    for _ in range(110):
        agents.agent(org)
    with queries(max=4):
        page = member.page(f"/o/acme/agents?per={per}")
    assert len(names(page)) == per
