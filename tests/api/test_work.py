"""Tools, tasks and schedules by key."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import connections, tasks, threads, tools
from tests.support.queries import queries

LISTS = {"tools": "tools:read", "tasks": "tasks:read", "schedules": "tasks:read"}
SECRET = "very-secret-value"


def listed(program, path):
    answer = program.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def test_tools_are_listed_without_their_secrets(ours, home):
    key = connections.credential(home.org, SECRET)
    config = {"method": "POST", "headers": {"X-Team": SECRET}, "auth_header": "X-Key"}
    made = tools.tool(home.org, name="weather", credential_id=key.id, config=config, approval="ask")
    server = home.rows["mcp_servers"]
    served = tools.mcp_tool(home.org, server, "look_up")
    answer = ours.get("/api/v1/tools")
    assert SECRET not in answer.text
    found = {row["name"]: row for row in answer.json["data"]}
    weather, look_up = found["weather"], found["look_up"]
    assert (weather["id"], weather["kind"], weather["approval"]) == (str(made.id), "http", "ask")
    assert weather["http"] == {
        "method": "POST",
        "url": "https://192.0.2.1/weather/{city}",
        "headers": ["X-Team"],
        "sends_secret": True,
    }
    assert weather["input_schema"] == made.input_schema
    assert (look_up["id"], look_up["http"], look_up["server"]) == (str(served.id), None, server.name)
    assert look_up["server_tool"] == "look_up"


def test_tools_are_filtered(ours, home):
    tools.tool(home.org, name="old", archived=True)
    assert "old" not in {row["name"] for row in listed(ours, "tools")}
    assert [row["name"] for row in listed(ours, "tools?status=archived")] == ["old"]
    assert [row["name"] for row in listed(ours, "tools?q=homecanary")] == ["Homecanary_tool"]


def test_tasks_are_listed_newest_first_and_filtered(ours, home):
    failed = home.rows["tasks"]
    progress = {"done": 3, "total": 9, "words": "Page 3"}
    running = tasks.task(home.org, status="running", progress=progress, created_at=later())
    newest = listed(ours, "tasks")[0]
    assert (newest["id"], newest["progress"]) == (str(running.id), progress)
    (row,) = listed(ours, "tasks?status=failed&q=homecanary")
    assert (row["id"], row["error"], row["schedule"]) == (
        str(failed.id),
        "Homecanary error",
        "Homecanary schedule",
    )
    assert (row["agent_id"], row["agent"]) == (str(home.agent.id), home.agent.name)
    assert {row["kind"] for row in listed(ours, "tasks?kind=agent.run")} == {"agent.run"}
    assert ours.get("/api/v1/tasks?kind=none").status_code == 422
    assert ours.get("/api/v1/tasks?status=ended").status_code == 422


@pytest.mark.parametrize(("role", "seen"), [("owner", True), ("member", False)])
def test_why_the_answer_to_another_person_failed_is_not_told(program, home, role, seen):
    private = threads.thread(home.org, home.people["admin"], origin="playground")
    words = "Words of the thread"
    task = tasks.task(home.org, kind="agent.run", status="failed", error=words, thread_id=private.id)
    reader = program(home, role)
    (told,) = (row["error"] for row in listed(reader, "tasks?status=failed") if row["id"] == str(task.id))
    assert told == (words if seen else None)
    assert len(listed(reader, "tasks?q=thread")) == seen


def later():
    return datetime.now(UTC) + timedelta(hours=1)


def test_schedules_are_listed_the_next_to_run_first(ours, home):
    tasks.schedule(home.org, name="Soon", every_seconds=600, next_run_at=later())
    tasks.schedule(home.org, name="Off", enabled=False, disabled_reason="Its person left.")
    found = listed(ours, "schedules")
    assert [row["name"] for row in found] == ["Soon", "Homecanary schedule", "Off"]
    assert (found[0]["every_seconds"], found[0]["cron"], found[0]["state"]) == (600, None, "active")
    assert (found[2]["state"], found[2]["disabled_reason"]) == ("disabled", "Its person left.")
    assert [row["name"] for row in listed(ours, "schedules?state=disabled")] == ["Off"]


@pytest.mark.parametrize("name", LISTS)
def test_lists_go_on_by_cursor_with_few_statements(ours, home, name):
    make = {"tools": tools.tool, "tasks": tasks.task, "schedules": tasks.schedule}[name]
    for _ in range(5):
        make(home.org)
    everything = [row["id"] for row in listed(ours, f"{name}?page_size=100")]
    found, path = [], f"/api/v1/{name}?page_size=2"
    while path:
        with queries(max=4):
            answer = ours.get(path)
        assert answer.json["total"] == len(everything)
        found += [row["id"] for row in answer.json["data"]]
        cursor = answer.json["next_cursor"]
        path = cursor and f"/api/v1/{name}?page_size=2&cursor={cursor}"
    assert found == everything
    assert len(set(found)) >= 6


@pytest.mark.parametrize(("name", "scope"), LISTS.items())
def test_the_scope_is_needed_and_viewers_may_as_on_the_pages(program, home, name, scope):
    assert listed(program(home, "viewer", scopes=[scope]), name)
    others = [other for other in ("agents:read", "agents:run", *LISTS.values()) if other != scope]
    assert program(home, scopes=others).get(f"/api/v1/{name}").status_code == 403


@pytest.mark.parametrize("name", LISTS)
def test_oi_2_theirs_are_not_listed_searched_or_counted(ours, home, theirs, name):
    for query in ("", "?q=Theircanary", f"?q={theirs.rows[name].id}"):
        answer = ours.get(f"/api/v1/{name}{query}")
        assert "Theircanary" not in answer.text
        assert str(theirs.rows[name].id) not in answer.text
    assert ours.get(f"/api/v1/{name}?q=Theircanary").json["total"] == 0
    assert ours.get(f"/api/v1/{name}?org_id={theirs.org.id}").status_code == 422
