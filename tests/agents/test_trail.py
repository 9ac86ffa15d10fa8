"""From a list to a record and back, and along the list."""

import re

import pytest

from tests.factories import agents, orgs
from tests.support.queries import queries


@pytest.fixture
def listed(org):
    return [agents.agent(org, name=f"Agent {number:02}") for number in range(25)]


def link(page, name):
    return page.find("table").find("a", string=name)["href"]


def crumb(page):
    return page.find("nav", {"aria-label": "Breadcrumb"}).a["href"]


def follow(client, page, key):
    answer = client.get(page.find("a", {"data-key": key})["href"])
    assert answer.status_code == 302
    return client.page(answer.location)


def test_the_breadcrumb_leads_back_to_the_list_as_it_was(member, listed):
    first = member.page("/o/acme/agents?sort=name&status=enabled&cols=name")
    second = first.find(id="page-next")["href"]
    record = member.page(link(member.page(second), "Agent 22"))
    assert crumb(record) == second
    names = member.page(crumb(record)).find(id="results").find_all("th", scope="row")
    assert [name.a.text for name in names] == [f"Agent {number}" for number in range(20, 25)]


def test_the_keys_walk_along_the_list(member, listed):
    page = member.page(link(member.page("/o/acme/agents?sort=name&q=agent"), "Agent 18"))
    for key, name in (("]", "Agent 19"), ("]", "Agent 20"), ("[", "Agent 19")):
        page = follow(member, page, key)
        assert page.h1.text == name
        assert crumb(page) == "/o/acme/agents?q=agent&sort=name"


def test_the_list_ends(member, listed):
    page = member.page(link(member.page("/o/acme/agents?sort=name"), "Agent 00"))
    page = follow(member, page, "[")
    assert page.h1.text == "Agent 00"
    assert "no further agent" in page.find(id="toasts").text


def test_what_no_longer_matches_is_walked_away_from(member, listed):
    page = member.page(link(member.page("/o/acme/agents?sort=name&status=enabled"), "Agent 05"))
    member.submit(f"/o/acme/agents/{listed[5].id}/archive")
    assert follow(member, page, "]").h1.text == "Agent 06"
    assert follow(member, page, "[").h1.text == "Agent 04"


@pytest.mark.parametrize("token", ["", "x", "WyIvIl0.x", "\0"])
def test_without_a_list_the_page_is_the_same(member, listed, token):
    page = member.page(f"/o/acme/agents/{listed[0].id}", query_string={"from": token})
    assert crumb(page) == "/o/acme/agents"
    assert not page.find("a", {"data-key": "["})
    assert member.get(f"/o/acme/agents/{listed[0].id}/next", query_string={"from": token}).status_code == 302


def test_a_list_of_another_place_is_no_way_back(member, new_client, listed):
    theirs = orgs.org()
    agents.agent(theirs, name="Other")
    url = link(new_client(orgs.member(theirs)).page(f"/o/{theirs.slug}/agents?sort=name"), "Other")
    token = re.search("from=(.*)", url)[1]
    assert crumb(member.page(f"/o/acme/agents/{listed[0].id}?from={token}")) == "/o/acme/agents"


def test_another_organisations_agent_has_no_neighbours_here(member, listed):
    foreign = agents.agent(orgs.org())
    for way in ("previous", "next"):
        assert member.get(f"/o/acme/agents/{foreign.id}/{way}").status_code == 404


def test_the_way_back_costs_no_statement(member, listed):
    url = link(member.page("/o/acme/agents?sort=name"), "Agent 01")
    with queries() as plain:
        member.page(f"/o/acme/agents/{listed[1].id}")
    with queries() as walked:
        member.page(url)
    assert len(walked) == len(plain)


def test_archiving_and_deleting_keep_the_way_back(member, listed):
    page = member.page(link(member.page("/o/acme/agents?sort=name"), "Agent 03"))
    for act in ("Archive", "Restore"):
        page = member.page(member.submit(action(page, act)).location)
        assert crumb(page) == "/o/acme/agents?sort=name"
    assert member.submit(action(page, "Delete")).location == "/o/acme/agents?sort=name"


def action(page, label):
    return page.find("main").find("span", string=label).find_parent("form")["action"]
