"""Agents whose model cannot be asked: what their form offers, and where people are told."""

import pytest

from tests.factories import agents, connections, orgs
from tests.support.queries import queries

WARNING = "This agent cannot answer yet."


@pytest.fixture
def connected(org):
    """A connection with a model for chats and one for vectors."""
    made = connections.connection(org, name="Main account", slug="main")
    connections.model(made, "m")
    connections.model(made, "embedder", purpose="embedding", dimensions=384)
    return made


def banner(client, place):
    found = client.page(place).select_one(".banner")
    return found and found.get_text(" ", strip=True)


def test_the_form_offers_connections_and_their_models_and_keeps_what_it_does_not_know(member, org, connected):
    connections.connection(org, name="Off", slug="off", enabled=False)
    theirs = connections.connection(orgs.org(slug="other"), name="Theirs", slug="theirs")
    connections.model(theirs, "their-model")
    agent = agents.agent(org, primary_model_provider="mian", primary_model="older")
    page = member.page(f"/o/acme/agents/{agent.id}/edit")
    for field, offered, kept in (
        ("primary_model_provider", [("main", "Main account")], "mian"),
        ("primary_model", [("m", "Main account")], "older"),
    ):
        found = page.find(id=field)
        options = page.find(id=found["list"]).select("option")
        assert [(one["value"], one.get_text()) for one in options] == offered
        assert found["value"] == kept


def test_without_any_connection_the_form_says_where_they_are_made(member, org, new_client):
    assert "Admins and owners make them." in member.page("/o/acme/agents/new").get_text()
    owner = new_client(orgs.member(org, "owner"))
    page = owner.page("/o/acme/agents/new")
    assert page.select_one("#model a")["href"] == "/o/acme/connections"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "No connection is chosen."),
        ({"primary_model_provider": "mian", "primary_model": "m"}, "No connection is called mian."),
        ({"primary_model_provider": "main"}, "No model is chosen."),
        ({"primary_model_provider": "off", "primary_model": "m"}, "The connection Off is disabled."),
    ],
)
def test_an_agent_that_cannot_answer_says_so_before_anybody_asks(member, org, connected, values, words):
    connections.connection(org, name="Off", slug="off", enabled=False)
    agent = agents.agent(org, **values)
    for place in ("", "/publish"):
        said = banner(member, f"/o/acme/agents/{agent.id}{place}")
        assert said.startswith(f"{WARNING} {words}")


def test_only_those_who_may_open_connections_are_led_there(member, org, new_client):
    path = f"/o/acme/agents/{agents.agent(org).id}"
    assert member.page(path).select_one(".banner a") is None
    owner = new_client(orgs.member(org, "owner"))
    for place in ("", "/publish"):
        assert owner.page(f"{path}{place}").select_one(".banner a")["href"] == "/o/acme/connections"


def test_an_agent_that_can_be_asked_is_not_complained_about(member, org, connected):
    agent = agents.agent(org, primary_model_provider=" Main", primary_model="unlisted")
    for place in ("", "/publish"):
        assert banner(member, f"/o/acme/agents/{agent.id}{place}") is None
    with queries(max=5):
        member.get(f"/o/acme/agents/{agent.id}")
