"""Tools in Chromium: tried, told by versions, and shown to who approves; SCREENSHOTS=folder keeps pictures."""

import pytest
from playwright.sync_api import expect

from tests.factories import agents, runtime, threads, tools
from tests.support.answers import serving

pytestmark = pytest.mark.e2e
JSON = {"Content-Type": "application/json", "X-Request-Id": "one"}
ORDER = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "description": "The number on the invoice, without spaces."},
        "state": {
            "type": ["string", "null"],
            "enum": ["open", "paid", None],
            "description": "Only such orders.",
        },
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
    "required": ["order"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def peer():
    with serving(**{"orders/7": (200, JSON, b'{"order": 7, "state": "paid"}')}) as peer:
        yield peer


@pytest.fixture(scope="module")
def outbound(peer):
    return f"tool:127.0.0.1:{peer.server_port}"


@pytest.fixture
def tool(home, peer):
    return tools.tool(
        home.org,
        f"{peer.url}/orders/{{order}}",
        name="get_order",
        description="Reads an order.",
        input_schema=ORDER,
        approval="ask",
    )


def test_a_tool_is_read_and_tried(home, tool, open_as, look):
    page = open_as(home.owner, f"/o/{home.org.slug}/tools/{tool.id}")
    look(page, "tool")
    page.get_by_role("link", name="Try").click()
    page.get_by_label("order").fill("7")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Response")).to_contain_text("paid")
    look(page, "tool-tried")


def test_versions_tell_what_changed_of_a_tool(home, tool, open_as, look):
    agent = agents.agent(home.org, name="Orders")
    kept = {"id": str(tool.id), "name": "get_order", "description": "Reads an order.", "approval": "allow"}
    plain = {"type": "object", "properties": {"order": {"type": "integer"}, "old": {"type": "string"}}}
    changed = {"name": "fetch_order", "description": "Reads and pays an order.", "approval": "ask"}
    for number, held in enumerate(
        ({**kept, "input_schema": plain}, {**kept, **changed, "input_schema": ORDER}), 1
    ):
        agents.version(agent, number, snapshot={"name": "Orders", "prompt": "Help.", "tools": [held]})
    page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/versions/2")
    page.locator("#tools summary").click()
    expect(page.locator("#tools")).to_contain_text("The number on the invoice")
    look(page, "version-tools")
    page.goto(f"/o/{home.org.slug}/agents/{agent.id}/compare?base=1&head=2")
    expect(page.locator("#summary")).to_contain_text("approval allow → ask")
    look(page, "versions-compared")


def test_who_approves_reads_what_the_tool_does(home, tool, open_as, look):
    message = threads.message(threads.thread(home.org, user_id=home.owner.id))
    agent = agents.agent(home.org, name="Orders")
    given = {"order": "7", "state": "open", "note": "Customer called twice. " * 8}
    runtime.approval(message, agent_id=agent.id, tool="get_order", tool_id=tool.id, arguments=given)
    page = open_as(home.owner, f"/o/{home.org.slug}/approvals")
    look(page, "approvals")
    page.get_by_role("link", name="get_order").click()
    expect(page.get_by_role("main")).to_contain_text("Reads an order.")
    look(page, "approval")
