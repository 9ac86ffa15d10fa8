"""Agents that call tools of their organisation: over HTTP, at MCP servers, and the calculator."""

import json
import re
from dataclasses import replace
from uuid import uuid4

import pytest

from app.agents.snapshot import Snapshot, SnapshotBase, read_snapshot
from app.audit.models import AuditEvent
from app.db.session import transaction
from app.db.tables import TaskEvent
from app.knowledge.services.sources import add_text
from app.runtime.services import toolbox
from app.runtime.turns import Call
from app.threads.models import Message
from tests.factories import agents, connections, knowledge, orgs, tools
from tests.factories.rows import rows
from tests.support.answers import serving
from tests.support.mcp_process import mcp_server
from tests.support.model_server import Answer

SECRET = "tool-secret-5f2e81c7-WXYZ"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def peer(app, server):
    """A web server that tools may call; the model server stays permitted."""
    with serving(**{"weather/Rome": (200, JSON, b'{"sky": "clear"}')}) as peer:
        _permit(app, peer.server_port)
        yield peer


def _permit(app, port, kind="tool"):
    now = app.extensions["settings"]
    app.extensions["settings"] = replace(now, outbound_allow=now.outbound_allow | {(kind, "127.0.0.1", port)})


@pytest.fixture
def ask(member, org, server, work):
    """A function that asks an agent with these tools, whose model makes one call; the stored answer."""

    def act(enabled, name, arguments):
        agent = agents.agent(org, primary_model_provider="main", primary_model="m", tools_enabled=enabled)
        given = arguments if isinstance(arguments, str) else json.dumps(arguments)
        server.answers = [Answer(calls=(("c1", name, given),)), Answer(("Done.",))]
        place = f"/o/acme/agents/{agent.id}/playground"
        assert member.submit(place, {"message": "Go", "version": "draft"}).status_code == 303
        work()
        return max(rows(Message), key=lambda row: (row.created_at, row.id))

    return act


def result(message):
    return next(part for part in message.parts if part["kind"] == "tool_result")


def test_an_http_tool_is_called_with_its_secret(ask, org, peer, server):
    key = connections.credential(org, SECRET, kind="tool")
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather", credential_id=key.id)
    answer = ask([str(tool.id)], "weather", {"city": "Rome", "days": 2})
    assert answer.status == "complete"
    assert result(answer)["status"] == "succeeded"
    assert result(answer)["result"] == {"status": 200, "body": {"sky": "clear"}}
    ((path, headers),) = peer.seen
    assert (path, headers["Authorization"]) == ("/weather/Rome?days=2", f"Bearer {SECRET}")
    offered = server.seen[0]["tools"]
    assert {spec["function"]["name"] for spec in offered} == {"current_time", "weather"}
    assert "sky" in str(server.seen[1]["messages"])


def test_rm_3_a_secret_that_comes_back_is_not_kept(ask, org, peer, server):
    echo = json.dumps({"you sent": f"Bearer {SECRET}", "half": SECRET[:14]}).encode()
    for path, status in (("weather/Rome", 200), ("weather/Bari", 500)):
        peer.answers[f"/{path}"] = (status, JSON | {"X-Request-Id": SECRET}, echo)
    key = connections.credential(org, SECRET, kind="tool")
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather", credential_id=key.id)
    kept = [ask([str(tool.id)], "weather", {"city": city}).parts for city in ("Rome", "Bari")]
    kept += [[event.data for event in rows(TaskEvent)], [event.after for event in rows(AuditEvent)]]
    text = str(kept) + str(server.seen)
    assert "you sent" in text
    assert SECRET[:14] not in text


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("no_such_tool", {}, "There is no tool"),
        ("weather", {}, "required"),
        ("weather", {"city": 7}, "not of type"),
        ("weather", {"city": "Rome", "host": "evil.example"}, "unexpected"),
        ("weather", '{"city": ', "no JSON object"),
        ("weather", {"city": "../admin"}, "part of the path"),
        ("weather", {"city": "a\r\nX-Evil: 1"}, "control characters"),
    ],
)
def test_ss_4_wrong_calls_are_told_the_model_and_reach_nobody(ask, org, peer, name, arguments, words):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather")
    answer = ask([str(tool.id)], name, arguments)
    assert (answer.status, result(answer)["status"]) == ("complete", "failed")
    assert words in result(answer)["result"]
    assert peer.seen == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, JSON, b'{"error": "no such city"}'), "404. {"),
        ((200, {"Content-Type": "image/png"}, b"\x89PNG"), "only text and JSON"),
        ((200, {}, b"who knows"), "of no stated type"),
        ((200, JSON, b'"' + b"x" * 70_000 + b'"'), "larger than 64 kB"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "not permitted"),
        ((302, {"Location": "http://169.254.169.254/latest"}, b""), "public internet"),
        ((200, {"Content-Encoding": "gzip", **JSON}, b"no gzip"), "did not answer"),
    ],
)
def test_ss_answers_that_cannot_be_used_are_failed_results(ask, org, peer, answer, words):
    peer.answers["/weather/Rome"] = answer
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather")
    stored = ask([str(tool.id)], "weather", {"city": "Rome"})
    assert (stored.status, result(stored)["status"]) == ("complete", "failed")
    assert words in result(stored)["result"]


def test_ss_an_answer_with_halves_of_characters_is_kept(ask, org, peer):
    peer.answers["/weather/Rome"] = (200, JSON, rb'{"sky": "\ud83d", "\udc00": 1}')
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather")
    stored = ask([str(tool.id)], "weather", {"city": "Rome"})
    assert (stored.status, len(peer.seen)) == ("complete", 1)
    assert result(stored)["result"]["body"] == {"sky": "?", "?": 1}


@pytest.mark.usefixtures("quick_models")
def test_a_base_that_was_archived_does_not_keep_the_others_from_being_searched(acting, org, person, work):
    kept, old = knowledge.base(org, name="Handbook"), knowledge.base(org, name="Old rules", archived=True)
    acting(org, person)
    with transaction():
        add_text(org.id, kept.id, "Refunds", "Refunds take five days after you returned the parcel.")
    work()
    acting(org, person)
    bases = tuple(SnapshotBase(id=base.id, name=base.name, generation_id=uuid4()) for base in (kept, old))
    its = toolbox.Toolbox(org.id, Snapshot(name="Support", knowledge_bases=bases))
    found = its.call(Call("c1", "search_knowledge", {"query": "how long do refunds take"})).parts[0]
    assert found["status"] == "succeeded", found
    assert [passage["source"] for passage in found["result"]["passages"]] == ["Refunds"]
    assert found["result"]["notices"] == ["Old rules is archived or gone."]


@pytest.mark.parametrize(
    ("number", "kept"), [("1" + "0" * 30, 1e30), ("1e999", "1e999"), ("9" * 400, "9" * 400), ("-1.5", -1.5)]
)
def test_numbers_of_any_size_are_kept_and_shown(ask, org, peer, member, number, kept):
    peer.answers["/weather/Rome"] = (200, JSON, b'{"n": %s}' % number.encode())
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather")
    stored = ask([str(tool.id)], "weather", {"city": "Rome"})
    assert (stored.status, result(stored)["result"]["body"]) == ("complete", {"n": kept})
    home = f"/o/acme/threads/{stored.thread_id}"
    for place in (
        home,
        home,
        f"{home}.json",
        f"{home}/messages/{stored.id}",
        f"{home}/messages/{stored.id}.json",
    ):
        assert member.get(place).status_code == 200, place


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("current_time", r'{"time_zone": "a\u0000b"}', "no time zone a\ufffdb"),
        ("current_time", r'{"a\u0000": 1}', "unexpected"),
        ("current_time", '"\0', "no JSON object"),
        ("current_time", '{"a":' * 90 + "1" + "}" * 90, "no JSON object"),
        ("cur\0rent", "{}", "There is no tool cur\ufffdrent"),
        ("x" * 300, "{}", "There is no tool x"),
        ("", "{}", "There is no tool (no name)"),
    ],
)
def test_ss_4_calls_that_cannot_be_kept_as_they_are_do_not_end_the_answer(
    ask, server, name, arguments, words
):
    answer = ask([], name, arguments)
    assert (answer.status, len(server.seen)) == ("complete", 2)
    assert words in result(answer)["result"]


def test_ss_a_slow_answer_ends_in_time(ask, org, peer):
    peer.slow["/weather/Rome"] = 3
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather", config={"seconds": 1})
    stored = ask([str(tool.id)], "weather", {"city": "Rome"})
    assert "did not answer" in result(stored)["result"]


@pytest.mark.parametrize("state", [{"enabled": False}, {"archived": True}])
def test_a_tool_that_is_off_is_neither_offered_nor_called(ask, org, peer, server, state):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="weather", **state)
    assert "There is no tool" in result(ask([str(tool.id)], "weather", {"city": "Rome"}))["result"]
    assert "weather" not in str(server.seen[0]["tools"])


def test_ss_an_inner_address_that_was_saved_before_is_not_called(ask, org, server):
    with serving(secret=(200, JSON, b"{}")) as inner:
        tool = tools.tool(org, f"{inner.url}/secret", name="inner", input_schema={"type": "object"})
        stored = ask([str(tool.id)], "inner", {})
        assert "not permitted" in result(stored)["result"]
        assert inner.seen == []


def test_another_organisations_tool_is_not_offered(ask, peer, server):
    foreign = tools.tool(orgs.org(), f"{peer.url}/weather/{{city}}", name="weather")
    assert "There is no tool" in result(ask([str(foreign.id)], "weather", {"city": "Rome"}))["result"]
    assert peer.seen == []


def test_unsafe_methods_name_the_call(ask, org, peer):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", name="change", config={"method": "POST"})
    assert result(ask([str(tool.id)], "change", {"city": "Rome", "days": 2}))["status"] == "succeeded"
    assert re.fullmatch("[0-9a-f]{32}", peer.seen[0][1]["Idempotency-Key"])


def test_a_call_is_named_by_its_run_its_id_and_what_it_sends(monkeypatch):
    named = []
    monkeypatch.setattr(toolbox, "call_tool", lambda *given: named.append(given[3]))
    tool = {"id": str(uuid4()), "name": "change", "description": "", "approval": "allow"}
    agent = read_snapshot({"name": "S", "provider": "main", "model": "m", "tools": [tool]})
    run = toolbox.Toolbox(uuid4(), agent, task_id=uuid4())
    for arguments in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2}):
        run.call(Call("functions.change:0", "change", arguments))
    replace(run, task_id=uuid4()).call(Call("functions.change:0", "change", {"a": 2}))
    assert named[0] == named[1]
    assert len(set(named)) == 3


def test_the_calculator_is_chosen_by_name(ask, server):
    stored = ask(["calculator"], "calculator", {"expression": "2 ** 10 / 3"})
    assert result(stored)["result"] == {"result": "341.3333333333333"}
    stored = ask(["calculator"], "calculator", {"expression": "9 ** 9 ** 9"})
    assert (result(stored)["status"], result(stored)["result"]) == ("failed", "The power is too large.")


@pytest.fixture
def real(app, server, tmp_path):
    """A running MCP server that may be called."""
    with mcp_server(tmp_path) as process:
        _permit(app, process.server_port, "mcp")
        yield process.url


def test_a_tool_of_an_mcp_server_is_called(ask, org, real):
    served = connections.mcp_server(org, url=real)
    tool = tools.mcp_tool(org, served, name="wiki_look_up", config={"tool": "look_up"})
    assert result(ask([str(tool.id)], "wiki_look_up", {"word": "ab"}))["result"] == "ababab"
    failed = result(ask([str(tool.id)], "wiki_look_up", {}))
    assert failed["status"] == "failed"
    gone = tools.mcp_tool(org, served, name="gone", config={"tool": "gone"})
    assert result(ask([str(gone.id)], "gone", {}))["status"] == "failed"


def test_a_tool_whose_mcp_server_is_off_fails_in_words(ask, org, server):
    served = connections.mcp_server(org, url="http://127.0.0.1:1/mcp", enabled=False)
    tool = tools.mcp_tool(org, served)
    assert "gone or disabled" in result(ask([str(tool.id)], "look_up", {}))["result"]
    served = connections.mcp_server(org, url="http://127.0.0.1:1/mcp")
    tool = tools.mcp_tool(org, served, name="other")
    assert "not permitted" in result(ask([str(tool.id)], "other", {}))["result"]
