"""Pages of a new organisation lead on: each names what to do first, and what can be left can be left."""

import pytest

from tests.factories import orgs


@pytest.fixture
def links(connection, new_client):
    """A function that returns the links of a page by their words, as a role sees them."""
    org = orgs.org(slug="acme")

    def found(path, role="owner"):
        page = new_client(orgs.member(org, role)).page(f"/o/acme/{path}")
        return {link.get_text(strip=True): link["href"] for link in page.select("main a[href]")}

    return found


def test_threads_begin_in_the_playground(links):
    assert links("threads")["Open the playground"] == "/o/acme/playground"
    assert "Open the playground" not in links("threads", "viewer")


def test_a_playground_without_agents_leads_to_a_new_one(links):
    assert links("playground")["New agent"] == "/o/acme/agents/new"


@pytest.mark.parametrize("page", ["new", "import"])
def test_a_new_tool_can_be_left(links, page):
    assert links(f"tools/{page}")["Cancel"] == "/o/acme/tools"
