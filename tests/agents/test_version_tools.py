"""What the page of a version says of its tools, and the comparison in the browser."""

from uuid import uuid4

from app.tools.parts import CALCULATOR
from tests.factories import agents, connections, orgs, tools
from tests.support.queries import queries


def held(tool, **values):
    """Return a tool as a version keeps it."""
    kept = {"id": str(tool.id), "name": tool.name, "description": "Reads.", "approval": "allow"}
    return {**kept, "input_schema": tools.SCHEMA, **values}


def words(part):
    return " ".join(part.get_text(" ").split())


def test_a_version_shows_each_tool_with_its_arguments(member, org):
    http = tools.tool(org, "https://192.0.2.1/orders/{city}", name="renamed", config={"method": "PUT"})
    served = tools.mcp_tool(org, connections.mcp_server(org, name="Wiki"), "look.up", name="look_up")
    gone = {"id": str(uuid4()), "name": "gone", "input_schema": {"properties": {"odd": True}, "required": 7}}
    mine = {"id": str(CALCULATOR.id), "name": "calculator", "approval": "allow"}
    foreign = held(tools.tool(orgs.org(), "https://192.0.2.9/theirs"), name="foreign")
    kept = [held(http, name="get_order"), held(served, approval="ask"), gone, mine, foreign]
    agent = agents.agent(org, name="Support")
    agents.version(agent, snapshot={"name": "Support", "tools": kept})
    with queries(max=5):
        page = member.page(f"/o/acme/agents/{agent.id}/versions/1")
    shown = {words(part.select_one(".part-name")): part for part in page.select("#tools details")}
    assert list(shown) == ["get_order", "look_up", "gone", "calculator", "foreign"]
    order = words(shown["get_order"])
    for text in (
        "Allow",
        "Reads.",
        "PUT https://192.0.2.1/orders/{city}",
        "renamed",
        "city string Yes Where.",
    ):
        assert text in order
    assert shown["get_order"].find("a")["href"] == f"/o/acme/tools/{http.id}"
    assert "MCP server Wiki Name at the server look.up" in words(shown["look_up"])
    assert "Ask" in words(shown["look_up"])
    assert "It was deleted" in words(shown["gone"])
    assert "Built in" in words(shown["calculator"])
    assert "odd any No true" in words(shown["gone"])
    assert 'Beside them: {"additionalProperties": false}' in order
    assert "192.0.2.9" not in page.text


def test_a_renamed_tool_hides_nothing(member, org):
    tool = tools.tool(org)
    agent = agents.agent(org, name="Support")
    for number, change in enumerate(({"name": "get_order"}, {"name": "fetch_order", "approval": "ask"}), 1):
        agents.version(agent, number, snapshot={"name": "Support", "tools": [held(tool, **change)]})
    page = member.page(f"/o/acme/agents/{agent.id}/compare?base=1&head=2")
    rows = [words(row) for row in page.select("tbody tr")]
    assert rows == ["Tool get_order fetch_order", "Tool fetch_order, approval allow ask"]
