"""The search page and what the palette gets."""

from urllib.parse import urlencode

import pytest

from app.analytics.forms import KINDS
from tests.factories import agents, auth, orgs, threads, world
from tests.support.queries import queries

JSON = {"Accept": "application/json"}


def test_the_page_finds_by_all_words(member, org):
    agents.agent(org, name="Refund desk", description="Answers quickly")
    agents.agent(org, name="Refund archive")
    agents.agent(orgs.org(), name="Refund desk answers elsewhere")
    page = member.both("/o/acme/search?q=refund+answers")
    assert [link.text for link in page.find(id="results").find_all("a")] == ["Refund desk"]


def test_the_palette_gets_groups(member, org):
    agent = agents.agent(org, name="Refund desk")
    answer = member.get("/o/acme/search?q=desk", headers=JSON)
    item = {"text": "Refund desk", "note": "", "url": f"/o/acme/agents/{agent.id}"}
    assert answer.json == {"groups": [{"label": "Agents", "items": [item]}]}
    assert member.get("/o/acme/search?q=", headers=JSON).json == {"groups": []}


def test_a_pasted_id_jumps(member, org):
    agent, foreign = agents.agent(org), agents.agent(orgs.org())
    for text in (f"{agent.id}", f"agt_{agent.id}"):
        assert member.get(f"/o/acme/search?q={text}").location == f"/o/acme/agents/{agent.id}"
        assert member.get(f"/o/acme/search?q={text}", headers=JSON).json["groups"][0]["items"]
    assert "Nothing found" in member.page(f"/o/acme/search?q={foreign.id}").text


def test_at_most_twenty_are_shown(member, org):
    for _ in range(25):
        agents.agent(org)
    answer = member.get("/o/acme/search?q=agent", headers=JSON)
    assert len(answer.json["groups"][0]["items"]) == 20


def test_where_not_all_is_shown_the_page_leads_to_the_lists(member, org):
    for number in range(21):
        agents.agent(org, name=f"Refund desk {number}")
    found = member.both("/o/acme/search?q=refund").find(id="results")
    assert {"/o/acme/threads?q=refund", "/o/acme/agents?q=refund"} <= {
        link["href"] for link in found.find_all("a")
    }
    assert "/o/acme/agents?q=refund" not in str(member.page("/o/acme/search?q=refund+7").find(id="results"))


def test_threads_are_found_by_name_too(member, org):
    agents.agent(org, name="Refund desk")
    shared = threads.thread(org, origin="api", name="A refund for Kim")
    threads.thread(org, orgs.member(org), name="Refund of somebody else")
    answer = member.get("/o/acme/search?q=refund", headers=JSON)
    assert [
        (group["label"], [item["text"] for item in group["items"]]) for group in answer.json["groups"]
    ] == [
        ("Agents", ["Refund desk"]),
        ("Threads", ["A refund for Kim"]),
    ]
    assert member.get(f"/o/acme/search?q=thr_{shared.id}").location == f"/o/acme/threads/{shared.id}"
    foreign = threads.thread(orgs.org(), origin="api")
    assert "Nothing found" in member.page(f"/o/acme/search?q=thr_{foreign.id}").text


def found(client, org, q):
    return client.get(f"/o/{org.slug}/search?q={q}", headers=JSON).json["groups"]


BY_NAME = {
    "Agents": "agents",
    "Personas": "personas",
    "Tools": "tools",
    "Knowledge": "knowledge_bases",
    "Schedules": "schedules",
    "Members": "org_members",
    "Model connections": "model_connections",
    "MCP servers": "mcp_servers",
    "Credentials": "credentials",
    "Keys": "api_keys",
}
ONLY_ADMINS = {"Model connections", "MCP servers", "Credentials", "Keys"}
BY_ID = {
    "agt": "agents",
    "per": "personas",
    "tool": "tools",
    "kb": "knowledge_bases",
    "src": "knowledge_base_freeform_texts",
    "sch": "schedules",
    "mem": "org_members",
    "conn": "model_connections",
    "mcp": "mcp_servers",
    "cred": "credentials",
    "key": "api_keys",
    "tsk": "tasks",
    "msg": "messages",
    "thr": "threads",
}


@pytest.fixture
def ours(connection):
    return world.tenant("Ours")


@pytest.fixture
def theirs(connection):
    return world.tenant("Theirs")


def test_what_is_in_no_name_is_looked_for_in_messages(member):
    page = member.page("/o/acme/search?q=tent+%26+poles")
    link = page.find(id="results").find("a", string="Search messages")
    assert link["href"] == "/o/acme/search/messages?q=tent+%26+poles"
    assert member.page(link["href"]).find(id="q")["value"] == "tent & poles"


def test_every_kind_is_found_by_name_as_far_as_the_role_may_see_it(ours, theirs, new_client):
    for role in ("owner", "viewer"):
        client = new_client(ours.people[role])
        groups = {group["label"]: group["items"] for group in found(client, ours.org, "ours")}
        assert set(BY_NAME) - (ONLY_ADMINS if role == "viewer" else set()) <= set(groups)
        assert not (role == "viewer" and ONLY_ADMINS & set(groups))
        for item in (item for items in groups.values() for item in items):
            assert client.get(item["url"]).status_code == 200
        assert found(client, ours.org, "theirs") == []


@pytest.mark.parametrize("prefix", BY_ID)
def test_a_copied_id_of_every_kind_jumps_within_the_organisation(ours, theirs, new_client, prefix):
    owner = new_client(ours.people["owner"])
    for text in (f"{prefix}_{ours.rows[BY_ID[prefix]].id}", f"{ours.rows[BY_ID[prefix]].id}"):
        answer = owner.get(f"/o/{ours.org.slug}/search?q={text}")
        assert answer.status_code == 303
        assert str(ours.rows[BY_ID[prefix]].id) in answer.location
        assert owner.get(answer.location).status_code == 200
    assert found(owner, ours.org, f"{prefix}_{theirs.rows[BY_ID[prefix]].id}") == []
    assert found(owner, ours.org, f"{theirs.rows[BY_ID[prefix]].id}") == []


def test_ids_of_what_a_role_may_not_see_lead_nowhere(ours, new_client):
    viewer = new_client(ours.people["viewer"])
    for prefix in ("conn", "mcp", "cred", "key"):
        assert found(viewer, ours.org, f"{prefix}_{ours.rows[BY_ID[prefix]].id}") == []
    private = threads.message(threads.thread(ours.org, ours.people["member"]))
    assert found(viewer, ours.org, f"msg_{private.id}") == []
    assert found(new_client(ours.people["member"]), ours.org, f"msg_{private.id}") != []


def test_every_prefix_is_tested():
    assert set(BY_ID) == {"thr", *(kind.prefix for kind in KINDS.values())}


def test_the_number_of_statements_is_the_same_whatever_is_found(ours, new_client):
    owner = new_client(ours.people["owner"])
    with queries(max=5):
        assert found(owner, ours.org, "nothing-of-this-name") == []
    with queries(max=5):
        assert found(owner, ours.org, "ours") != []
    with queries(max=5):
        assert found(owner, ours.org, f"{ours.rows['agents'].id}") != []


def test_the_largest_groups_give_way(member, org):
    for number in range(25):
        agents.agent(org, name=f"Refund {number}")
    agents.persona(org, name="Refund clerk")
    groups = found(member, org, "refund")
    assert [(group["label"], len(group["items"])) for group in groups] == [("Agents", 19), ("Personas", 1)]


def test_every_page_links_to_the_search_for_those_without_scripts(member, new_client, org):
    for path in ("/o/acme/agents", "/me"):
        link = member.page(path).find(id="search-link")
        assert (link["href"], link["class"]) == ("/o/acme/search", ["search-button", "no-js-only"])
    assert new_client(auth.user()).page("/me").find(id="search-link") is None


def test_the_list_of_shortcuts_names_every_section_with_a_key(member, org):
    page = member.page("/o/acme/agents")
    listed = {term.get_text(" ", strip=True) for term in page.select("#shortcuts dt")}
    keys = {element["data-key"] for element in page.select("[data-key]")}
    assert {"g a", "g d", "g k", "g s", "g t"} <= keys <= listed
    assert "Ctrl Enter" in listed


@pytest.mark.parametrize("q", ['"', "%_\\ %", "?!", "- -"])
@pytest.mark.parametrize("path", ["/o/acme/search/messages?", "/o/acme/threads?in=messages&"])
def test_signs_alone_find_no_message_and_that_is_said(owner, org, path, q):
    threads.message(threads.thread(org), f"100 {q} sure")
    results = owner.both(path + urlencode({"q": q})).find(id="results")
    assert "Messages are found by their words" in results.text
    assert results.find("a", string="Clear all")
