"""Which organisation, and which navigation, the frame shows outside the pages of organisations."""

import pytest

from tests.factories import agents, auth, orgs, threads
from tests.support.queries import queries

OUTSIDE = ("/me", "/me/preferences", "/me/orgs", "/orgs/new", "/api", "/no/such/page")


def shown(page) -> str:
    return page.select_one("#org-button .org-name").get_text(strip=True).removeprefix("Organisation:")


def nav(page) -> list[str]:
    return [link["href"] for link in page.select("#sidebar a")]


@pytest.fixture
def person(connection):
    """Somebody in one organisation."""
    return orgs.member(orgs.org(name="Acme", slug="acme"), role="viewer")


@pytest.mark.parametrize("path", OUTSIDE)
def test_who_is_in_one_organisation_sees_it_everywhere(new_client, person, path):
    page = new_client(person).page(path, status=404 if path == "/no/such/page" else 200)
    assert shown(page) == "Acme"
    assert "/o/acme/agents" in nav(page)
    assert "/o/acme/keys" not in nav(page)
    assert page.select_one("#search-link")["href"] == "/o/acme/search"
    assert page.body["data-palette-url"] == "/o/acme/search"
    assert page.title.get_text().endswith("– AgentPress")
    assert "Acme" not in page.title.get_text()


def test_it_is_also_shown_where_another_organisation_is_not_found(new_client, person):
    orgs.org(slug="theirs")
    page = new_client(person).page("/o/theirs/agents", status=404)
    assert shown(page) == "Acme"
    assert "theirs" not in str(page.select_one("header"))


def test_who_is_in_several_chooses(new_client, person):
    orgs.member(orgs.org(name="Northwind"), "viewer", person)
    page = new_client(person).page("/me")
    assert shown(page) == "Choose an organisation"
    assert nav(page) == []


def test_who_is_in_none_is_not_asked_to_choose(new_client, connection):
    assert shown(new_client(auth.user()).page("/me")) == "No organisation"


def test_the_platforms_pages_keep_their_navigation(new_client, connection):
    operator = auth.platform_admin()
    orgs.member(orgs.org(name="Acme", slug="acme"), "owner", operator)
    client = new_client(operator)
    for path in ("/platform/users", "/platform/data", "/platform/system"):
        page = client.page(path)
        assert shown(page) == "Acme"
        assert "/o/acme/agents" not in nav(page)
        assert "/platform/orgs" in nav(page)
    assert "/o/acme/agents" in nav(client.page("/me"))


def test_the_way_out_of_the_password_page_leads_back_to_the_account(new_client, person):
    page = new_client(person).page("/me/confirm?next=/me/password")
    assert "/o/acme" not in [link["href"] for link in page.select("main a")]


def test_it_costs_no_statement(new_client, person):
    client = new_client(person)
    with queries() as one:
        client.page("/me/preferences")
    orgs.member(orgs.org(name="Northwind"), "viewer", person)
    with queries() as two:
        client.page("/me/preferences")
    assert len(one) == len(two)


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("threads", "threads"),
        ("threads/{thread}", "threads"),
        ("threads/{thread}/history", "threads"),
        ("threads/{thread}/edit", "threads"),
        ("threads/{thread}/print", "threads"),
        ("threads/import", "threads"),
        ("agents/{agent}", "agents"),
        ("agents/{agent}/versions", "agents"),
        ("agents/{agent}/evaluations", "agents"),
        ("invitations", "members"),
        ("mail", "members"),
        ("settings/limits", "settings"),
    ],
)
def test_each_page_is_marked_as_part_of_its_section(new_client, connection, path, section):
    org = orgs.org(slug="acme")
    person = orgs.member(org, "owner")
    orgs.member(orgs.org(slug="northwind"), "viewer", person)
    ids = {"thread": threads.thread(org, origin="api").id, "agent": agents.agent(org).id}
    page = new_client(person).page(f"/o/acme/{path.format(**ids)}")
    assert [link["href"] for link in page.select("#sidebar [aria-current]")] == [f"/o/acme/{section}"]
    there = {"threads": "/threads", "agents": "/agents", "members": "/members", "settings": ""}[section]
    assert page.find("a", href=f"/o/northwind{there}")


def test_the_page_of_an_account_is_marked_as_one_of_the_users(new_client, connection):
    operator = auth.platform_admin()
    page = new_client(operator).page(f"/platform/users/{operator.id}")
    assert [link["href"] for link in page.select("#sidebar [aria-current]")] == ["/platform/users"]
