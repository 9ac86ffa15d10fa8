"""Words without a place to break, as long as a field takes them: no page scrolls sideways for them."""

import pytest

from tests.factories import agents, auth, connections, orgs, threads, tools
from tests.support.browser import NARROWEST, WIDE, overflows

pytestmark = pytest.mark.e2e

WORD = "W" * 255


@pytest.fixture
def owner(home):
    """An owner with a long name, in an organisation with one long word of each kind and in one whose name is one."""
    owner = orgs.member(home.org, "owner", auth.platform_admin(first_name=WORD, last_name=WORD))
    orgs.member(orgs.org(name="W" * 120), "owner", owner)
    agents.agent(home.org, name=WORD, description=WORD, primary_model=WORD)
    tools.tool(home.org, name="w" * 64)
    connections.credential(home.org, name="W" * 120)
    orgs.invitation(home.org, email=f"{'w' * 60}@{'w' * 60}.example.org", invited_by=owner.id)
    orgs.api_key(home.org, owner, name="W" * 120)
    threads.note(home.thread, owner)
    return owner


def test_no_page_scrolls_sideways_for_a_long_word(home, owner, open_as):
    found = [{"name": "look_up", "description": "W" * 1_000, "input_schema": {"type": "object"}}]
    server = connections.mcp_server(home.org, name="Long", discovered=found)
    paths = ["agents", "agents/new", "playground", "connections/credentials", "invitations", "keys", "audit"]
    paths += [f"threads/{home.thread.id}", f"connections/mcp-servers/{server.id}"]
    paths = [f"/o/{home.org.slug}/{path}" for path in paths]
    page = open_as(owner, f"/o/{home.org.slug}")
    wide = []
    for path in [*paths, "/platform/data/agents/rows"]:
        page.goto(path)
        for width in (WIDE, NARROWEST):
            page.set_viewport_size({"width": width, "height": 800})
            wide += [(path, width)] if overflows(page) else []
    assert wide == []
