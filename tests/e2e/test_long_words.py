"""Words without a place to break, or of another direction: pages keep their shape around them."""

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
    orgs.saved_view(home.org, owner, name="W" * 80, shared=True)
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


def test_a_long_word_pushes_no_column_out_of_view(home, owner, open_as):
    page = open_as(owner, f"/o/{home.org.slug}/agents?q={WORD[:200]}")
    table = page.locator("#results .table-scroll")
    assert table.evaluate("(region) => region.scrollWidth <= region.clientWidth")
    for width in (WIDE, NARROWEST):
        page.set_viewport_size({"width": width, "height": 800})
        lines = page.locator("#results .chip-label").evaluate("(label) => label.getClientRects().length")
        tall = page.locator("#results .chip-label").evaluate(
            "(label) => label.offsetHeight > 1.5 * parseFloat(getComputedStyle(label).lineHeight)"
        )
        assert (lines, tall) == (1, False)


def test_on_a_card_every_value_stands_behind_its_words(home, open_as):
    agents.agent(home.org, name="Arabic", primary_model="مساعد")
    page = open_as(home.owner, f"/o/{home.org.slug}/agents?q=Arabic")
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    left = page.locator("#results td[data-label=Model]").evaluate(
        "(cell) => { const range = document.createRange(); range.selectNodeContents(cell);"
        " return range.getBoundingClientRect().left; }"
    )
    assert left > NARROWEST / 2


def test_a_long_value_of_a_filter_leaves_the_word_beside_it_whole(home, owner, open_as):
    page = open_as(owner, f"/o/{home.org.slug}/threads")
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    page.get_by_role("button", name="Agent", exact=True).click()
    lines = page.locator(".filter-choices label + label:visible").evaluate_all(
        "(labels) => labels.map((label) => {"
        " const range = document.createRange(); range.selectNodeContents(label.lastChild);"
        " return range.getClientRects().length; })"
    )
    assert set(lines) == {1}
