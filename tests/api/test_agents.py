"""Agents by key: lists, single ones, changes."""

import pytest

from app.agents.models import Agent
from app.audit.models import AuditEvent
from tests.factories import agents, knowledge, orgs, tools
from tests.factories.rows import rows, stored
from tests.support.queries import queries

AGENTS = "/api/v1/agents"
PROBLEM = "application/problem+json"


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [agent["name"] for agent in answer.json["data"]]


def walk(program, query) -> list[str]:
    """Return all names of a list by its cursors."""
    found, cursor = [], ""
    while True:
        answer = program.get(f"{AGENTS}?{query}{cursor}")
        found += names(answer)
        if answer.json["next_cursor"] is None:
            return found
        assert f"cursor={answer.json['next_cursor']}" in answer.headers["Link"]
        cursor = f"&cursor={answer.json['next_cursor']}"


def test_the_organisation_of_the_key(ours, home):
    answer = ours.get("/api/v1/orgs")
    assert answer.json["data"] == [
        {"id": str(home.org.id), "name": home.org.name, "slug": home.org.slug, "role": "owner"}
    ]


def test_an_agent_reads_back_as_it_was_written(ours, home):
    draft = {
        "name": " Störfall 🚀 ",
        "description": "Zeile\nzwei",
        "prompt": "a" * 100_000,
        "primary_model": "m",
        "primary_model_temperature": 1,
        "reasoning_effort": "medium",
        "enabled": False,
    }
    made = ours.post(AGENTS, draft)
    assert made.status_code == 201
    assert made.location == f"{AGENTS}/{made.json['id']}"
    read = ours.get(made.location)
    assert read.json == made.json
    assert {**read.json, **draft, "name": "Störfall 🚀"} == read.json
    assert (read.json["status"], read.json["version"]) == ("disabled", 1)
    assert read.headers["Cache-Control"] == "private, no-store"
    (event,) = rows(AuditEvent, action="agent.create", target_label="Störfall 🚀")
    assert str(event.target_id) == made.json["id"]


def test_a_change_leaves_what_it_does_not_name(ours, home):
    path = f"{AGENTS}/{home.agent.id}"
    answer = ours.patch(path, {"version": 1, "prompt": None, "primary_model": "other"})
    assert answer.status_code == 200, answer.text
    assert (answer.json["version"], answer.json["prompt"]) == (2, None)
    assert (answer.json["name"], answer.json["description"]) == (home.agent.name, home.agent.description)


def test_ap_2_the_second_of_two_edits_is_told_what_is_stored(ours, home):
    path = f"{AGENTS}/{home.agent.id}"
    assert ours.patch(path, {"version": 1, "prompt": "first"}).status_code == 200
    late = ours.patch(path, {"version": 1, "prompt": "second"})
    assert (late.status_code, late.mimetype) == (409, PROBLEM)
    assert (late.json["current"]["prompt"], late.json["current"]["version"]) == ("first", 2)
    assert stored(home.agent).prompt == "first"


@pytest.fixture
def used(home):
    """A persona, a knowledge base and a tool of the organisation, as an agent names them."""
    kinds = {"persona_id": "personas", "knowledge_bases": "knowledge_bases", "tools": "tools"}
    ids = {field: str(home.rows[kind].id) for field, kind in kinds.items()}
    return {field: each if field == "persona_id" else [each] for field, each in ids.items()}


def test_what_an_agent_uses_and_its_limits_are_set_read_and_published(ours, new_client, home, used):
    draft = {"name": "Equipped", **used, "tools": [*used["tools"], "calculator"]}
    made = ours.post(AGENTS, {**draft, "settings": {"max_tool_calls": 3}})
    assert made.status_code == 201, made.text
    limits = {"max_output_tokens": None, "max_tool_calls": 3, "timeout_seconds": 300}
    assert {**made.json, **draft, "settings": limits} == made.json
    assert ours.get(made.location).json == made.json
    (agent,) = rows(Agent, name="Equipped")
    assert agent.settings == {"max_tool_calls": 3}
    page = new_client(home.owner).page(f"/o/{home.org.slug}/agents/{agent.id}/edit")
    ticked = {box["value"] for box in page.select("input[type=checkbox][checked]")} - {"y"}
    assert ticked == {*used["knowledge_bases"], *draft["tools"]}
    assert page.select_one("select[name=persona_id] option[selected]")["value"] == used["persona_id"]
    ours.post(f"{made.location}/versions", {"version": 1})
    kept = ours.get(f"{made.location}/versions/1").json["snapshot"]
    assert (kept["persona"]["id"], kept["settings"]) == (used["persona_id"], limits)
    assert {tool["name"] for tool in kept["tools"]} == {home.rows["tools"].name, "calculator"}


def test_a_change_of_what_an_agent_uses_leaves_the_rest(ours, home, used):
    path = f"{AGENTS}/{home.agent.id}"
    first = ours.patch(
        path, {"version": 1, **used, "settings": {"max_tool_calls": 3, "max_output_tokens": 9}}
    )
    assert first.status_code == 200, first.text
    changed = ours.patch(
        path, {"version": 2, "persona_id": None, "settings": {"max_output_tokens": None}}
    ).json
    assert (changed["persona_id"], changed["knowledge_bases"]) == (None, used["knowledge_bases"])
    assert changed["settings"] == {"max_output_tokens": None, "max_tool_calls": 3, "timeout_seconds": 300}
    emptied = ours.patch(path, {"version": 3, "knowledge_bases": [], "tools": []}).json
    assert (emptied["version"], emptied["knowledge_bases"], emptied["tools"]) == (4, [], [])
    event = max(rows(AuditEvent, action="agent.change"), key=lambda event: event.id)
    assert event.before == {"rag_enabled": used["knowledge_bases"], "tools_enabled": used["tools"]}


def test_what_is_archived_can_be_kept_and_not_chosen(ours, home):
    persona = agents.persona(home.org, archived=True)
    base = knowledge.base(home.org, archived=True)
    tool = tools.tool(home.org, archived=True)
    holder = agents.agent(
        home.org, persona_id=persona.id, rag_enabled=[str(base.id)], tools_enabled=[str(tool.id)]
    )
    given = {"persona_id": str(persona.id), "knowledge_bases": [str(base.id)], "tools": [str(tool.id)]}
    refused = ours.patch(f"{AGENTS}/{home.agent.id}", {"version": 1, **given})
    assert refused.status_code == 422
    assert {wrong["field"] for wrong in refused.json["errors"]} == given.keys()
    kept = ours.patch(f"{AGENTS}/{holder.id}", {"version": 1, **given, "name": "Holder"})
    assert (kept.status_code, kept.json["version"]) == (200, 2)


def test_oi_1_an_agent_uses_nothing_of_another_organisation(ours, home, theirs, state):
    ours.get(AGENTS)
    before = state()
    foreign = {
        "persona_id": str(theirs.rows["personas"].id),
        "knowledge_bases": [str(theirs.rows["knowledge_bases"].id)],
        "tools": [str(theirs.rows["tools"].id)],
    }
    for field, value in foreign.items():
        answers = [
            ours.patch(f"{AGENTS}/{home.agent.id}", {"version": 1, field: value}),
            ours.post(AGENTS, {"name": "Thief", field: value}),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
            assert theirs.canary not in answer.text
    assert state() == before


def test_an_agent_is_archived_deleted_and_restored(ours, home):
    path = f"{AGENTS}/{home.agent.id}"
    assert ours.post(f"{path}/archive").json["status"] == "archived"
    assert ours.post(f"{path}/archive").status_code == 409
    assert ours.post(f"{path}/restore").json["status"] == "enabled"
    deleted, again = ours.delete(path), ours.delete(path)
    assert (deleted.status_code, again.status_code) == (204, 409)
    assert (deleted.get_data(), "Content-Type" in deleted.headers) == (b"", False)
    assert ours.get(path).json["status"] == "deleted"
    assert ours.patch(path, {"version": 2, "name": "x"}).status_code == 409
    assert names(ours.get(AGENTS)) == []
    assert ours.post(f"{path}/restore").json["status"] == "enabled"


def test_a_name_in_use_is_a_wrong_value(ours, home):
    answer = ours.post(AGENTS, {"name": home.agent.name.upper()})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "name")
    other = ours.post(AGENTS, {"name": "Other"}).json
    answer = ours.patch(f"{AGENTS}/{other['id']}", {"version": 1, "name": home.agent.name})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "name")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x", "enabled": "true"}, "enabled"),
        ({"name": "x", "enabled": 1}, "enabled"),
        ({"name": "x", "primary_model_temperature": "0.5"}, "primary_model_temperature"),
        ({"name": "x", "primary_model_temperature": 2.5}, "primary_model_temperature"),
        ({"name": "x", "primary_model_temperature": True}, "primary_model_temperature"),
        ({"name": "x", "reasoning_effort": "none"}, "reasoning_effort"),
        ({"name": "x", "reasoning_effort": ""}, "reasoning_effort"),
        ({"name": "x", "settings": {"max_output_tokens": 0}}, "settings.max_output_tokens"),
        ({"name": "x", "description": "y" * 2001}, "description"),
        ({"name": "x", "prompt": "y" * 100_001}, "prompt"),
        ({"name": "x", "org_id": "01930000-0000-7000-8000-000000000000"}, "org_id"),
        ({"name": "x", "id": "01930000-0000-7000-8000-000000000000"}, "id"),
        ({"name": "x", "lock_version": 7}, "lock_version"),
        ({"name": "x", "persona_id": "01930000-0000-7000-8000-000000000000"}, "persona_id"),
        ({"name": "x", "persona_id": ""}, "persona_id"),
        ({"name": "x", "knowledge_bases": ["01930000-0000-7000-8000-000000000000"]}, "knowledge_bases"),
        ({"name": "x", "knowledge_bases": None}, "knowledge_bases"),
        ({"name": "x", "tools": ["01930000-0000-7000-8000-000000000000"]}, "tools"),
        ({"name": "x", "tools": ["current_time"]}, "tools.0"),
        ({"name": "x", "settings": {"max_tool_calls": 101}}, "settings.max_tool_calls"),
        ({"name": "x", "settings": {"timeout_seconds": None}}, "settings.timeout_seconds"),
        ({"name": "x", "settings": {"retries": 2}}, "settings.retries"),
    ],
)
def test_k5_a_wrong_value_is_named(ours, home, state, draft, field):
    ours.get(AGENTS)
    before = state()
    answer = ours.post(AGENTS, draft)
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
    assert [wrong["field"] for wrong in answer.json["errors"]] == [field]
    assert state() == before


def test_a_change_of_nothing_is_a_wrong_value(ours, home):
    path = f"{AGENTS}/{home.agent.id}"
    assert ours.patch(path, {"version": 1}).status_code == 422
    assert ours.patch(path, {"name": "x"}).json["errors"][0]["field"] == "version"
    for version in (0, -1, 1.5, "1", 2**31, 2**63, 2**70, None):
        assert ours.patch(path, {"version": version, "name": "x"}).status_code == 422, version


@pytest.mark.parametrize("query", ["", "sort=name&", "sort=-model&", "status=archived&status=enabled&"])
def test_cursors_and_page_numbers_walk_the_same_list(ours, home, query):
    for number in range(25):
        agents.agent(
            home.org, name=f"Agent {number:02}", primary_model=f"m{number % 3}" if number % 4 else None
        )
    by_cursor = walk(ours, f"{query}page_size=7")
    by_number = []
    for page in range(1, 6):
        by_number += names(ours.get(f"{AGENTS}?{query}page_size=7&page={page}"))
    assert by_cursor == by_number
    assert len(by_cursor) == len(set(by_cursor)) == 26
    first = ours.get(f"{AGENTS}?{query}page_size=7").json
    assert (first["total"], first["total_is_exact"], first["page_size"]) == (26, True, 7)
    assert names(ours.get(f"{AGENTS}?{query}page=9&page_size=100")) == []


def test_a_cursor_past_the_rows_that_are_gone_finds_none(ours, home):
    made = [agents.agent(home.org, name=f"Agent {number}") for number in range(4)]
    first = ours.get(f"{AGENTS}?sort=name&page_size=4")
    ours.delete(f"{AGENTS}/{home.agent.id}")
    ours.delete(f"{AGENTS}/{made[3].id}")
    rest = ours.get(f"{AGENTS}?sort=name&page_size=4&cursor={first.json['next_cursor']}")
    assert names(rest) == []


def test_the_list_is_filtered_as_its_page_is(ours, home):
    agents.agent(home.org, name="Refund 50%", primary_model="m1")
    agents.agent(home.org, name="Refund old", archived=True)
    assert names(ours.get(f"{AGENTS}?q=refund")) == ["Refund 50%"]
    assert names(ours.get(f"{AGENTS}?q=%25")) == ["Refund 50%"]
    assert names(ours.get(f"{AGENTS}?status=archived")) == ["Refund old"]
    assert names(ours.get(f"{AGENTS}?model=m1")) == ["Refund 50%"]
    assert names(ours.get(f"{AGENTS}?created=..2020-01-01")) == []


def test_the_list_costs_few_statements_whatever_its_length(ours, home):
    for _ in range(40):
        agents.agent(home.org)
    ours.get(AGENTS)
    with queries(max=4):
        assert len(names(ours.get(f"{AGENTS}?page_size=40"))) == 40


def test_what_people_see_is_what_programs_see(ours, new_client, home):
    made = ours.post(AGENTS, {"name": "From a program"}).json
    page = new_client(orgs.member(home.org)).page(f"/o/{home.org.slug}/agents/{made['id']}")
    assert page.h1.get_text() == "From a program"
    assert len(rows(Agent, org_id=home.org.id)) == 2
