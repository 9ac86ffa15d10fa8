"""Long loops of tool calls stay within what the model takes."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import update

from app.connections.models import ConnectionModel
from tests.factories import agents, tools
from tests.support.answers import serving
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.staged import answer, kinds

SIZE = 8_000
LONG = 12_000
TOO_LONG = Answer(status=400, body=b'{"error": {"message": "maximum context length exceeded"}}')


@pytest.fixture
def peer(app, server):
    """A web server whose pages are long."""
    pages = {
        f"page/{number}": (200, {"Content-Type": "text/plain"}, b"%d" % number * LONG) for number in range(3)
    }
    with serving(**pages) as peer:
        now = app.extensions["settings"]
        allowed = now.outbound_allow | {("tool", "127.0.0.1", peer.server_port)}
        app.extensions["settings"] = replace(now, outbound_allow=allowed)
        yield peer


def results(asked):
    return [message["content"] for message in asked["messages"] if message["role"] == "tool"]


@pytest.fixture
def ask(member, org, server, peer, work):
    """A function that has an agent read three long pages, one after the other; its model refuses what is too long."""

    def reply(asked):
        said = sum(len(str(message.get("content") or "")) for message in asked["messages"])
        if said + len(json.dumps(asked["tools"])) > 4 * SIZE:
            return TOO_LONG
        number = len(results(asked))
        call = (f"c{number}", "read", json.dumps({"page": str(number)}))
        return Answer(calls=(call,)) if number < 3 else Answer(("Read.",))

    def act():
        with as_owner() as session:
            session.execute(update(ConnectionModel).values(context_size=SIZE))
        schema = {"type": "object", "properties": {"page": {"type": "string"}}, "required": ["page"]}
        tool = tools.tool(org, f"{peer.url}/page/{{page}}", name="read", input_schema=schema)
        agent = agents.agent(
            org, primary_model_provider="main", primary_model="m", tools_enabled=[str(tool.id)]
        )
        server.choose = reply
        place = f"/o/acme/agents/{agent.id}/playground"
        assert member.submit(place, {"message": "Go", "version": "draft"}).status_code == 303
        work()
        return answer()

    return act


def test_the_oldest_results_are_shortened_for_the_model_and_kept_whole(ask, server):
    found = ask()
    assert (found.status, found.text_content) == ("complete", "Read.")
    assert kinds(found).count("notice") == 1
    assert f"it takes {SIZE:,} tokens" in str(found.parts)
    kept = [part["result"]["body"] for part in found.parts if part["kind"] == "tool_result"]
    assert kept == [str(number) * LONG for number in range(3)]
    first, second, last = results(server.seen[-1])
    assert len(first) < len(second) < len(last)
    assert (str(2) * LONG in last, "shortened" in first, "shortened" in last) == (True, True, False)
