"""Answers that nobody wants any more, or that have no time left, while a tool or a judge is silent."""

import json
import threading
import time

import pytest

from app.db.tables import Task
from app.threads.models import Message, Thread
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.called import called_server, calling_tool
from tests.support.live import Live
from tests.support.model_server import Answer, model_server
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

CALL = ("c1", "book", json.dumps({"time_zone": "Europe/Rome"}))
LONG = 120
SOON = 8.0
"""Seconds in which an answer has to end: one to notice it, and what a busy machine takes."""


@pytest.fixture(scope="module")
def called():
    with called_server() as server:
        yield server


@pytest.fixture(scope="module")
def model():
    with model_server() as server:
        yield server


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory, model, called):
    allowed = f"model:127.0.0.1:{model.server_port} tool:127.0.0.1:{called.server_port}"
    with Live(cluster, tmp_path_factory.mktemp("site"), OUTBOUND_ALLOW=allowed) as running:
        yield running


@pytest.fixture
def ask(site, model, called):
    """A function that asks an agent whose tool does not answer; the conversation, its person and organisation."""
    called.calls.clear()
    called.open.clear()

    def act(approval="allow", seconds=120):
        org = orgs.org()
        member = orgs.member(org)
        connections.connection(org, slug="main", base_url=f"{model.url}/v1")
        agent = agents.agent(org, primary_model_provider="main", primary_model="m")
        tool = {**calling_tool(org, called), "approval": approval}
        settings = {"timeout_seconds": seconds}
        values = {"name": "Helper", "provider": "main", "model": "m", "tools": [tool], "settings": settings}
        agents.version(agent, snapshot=values)
        with site.client(member) as client:
            place = f"/o/{org.slug}/agents/{agent.id}/playground"
            begun = client.submit(place, {"message": "Book", "version": "1"})
            return begun.headers["Location"], member, org

    yield act
    called.open.set()


def stop(site, place, member):
    with site.client(member) as client:
        assert client.submit(f"{place}/stop", form_url=place).status_code == 303


def ended(org):
    """The answer, once it has ended in time."""
    wait_until(lambda: answer(org).status not in {"pending", "waiting"}, SOON)
    return answer(org)


def answer(org):
    (found,) = rows(Message, org_id=org.id, role="assistant")
    return found


def assert_told(found):
    """The call has no result but the sentence that it may have happened."""
    (result,) = [part for part in found.parts if part["kind"] == "tool_result"]
    assert (result["status"], "may have taken effect" in result["result"]) == ("failed", True)


def assert_counted(found):
    """What the model took is told, and counted once."""
    assert (found.model, found.input_tokens, found.output_tokens) == ("m", 11, 7)
    assert found.latency_ms >= found.first_token_ms >= 0
    (thread,) = rows(Thread, id=found.thread_id)
    assert thread.tokens == 18


def test_stopping_ends_an_answer_amid_a_call(site, model, called, ask):
    model.answers = [Answer(("Let me book.",), calls=(CALL,))]
    place, member, org = ask()
    wait_until(lambda: called.calls.total() == 1)
    stop(site, place, member)
    found = ended(org)
    assert (found.status, found.text_content) == ("stopped", "Let me book.")
    assert_told(found)
    assert rows(Task, org_id=org.id)[0].status == "cancelled"
    assert_counted(found)


def test_a_worker_killed_amid_a_call_leaves_what_the_answer_took(site, model, called, ask):
    model.answers = [Answer(("Let me book.",), calls=(CALL,))]
    _place, _member, org = ask()
    wait_until(lambda: called.calls.total() == 1)
    site.worker.kill()
    site.worker.begin()
    wait_until(lambda: answer(org).status == "failed", LONG)
    assert_told(answer(org))
    assert_counted(answer(org))
    assert called.calls.total() == 1


def test_the_time_limit_of_an_agent_ends_a_call(model, called, ask):
    model.answers = [Answer(calls=(CALL,))]
    _place, _member, org = ask(seconds=5)
    wait_until(lambda: called.calls.total() == 1)
    found = ended(org)
    assert (found.status, found.error) == ("failed", "The answer did not end within 5 s.")
    assert [part["kind"] for part in found.parts] == ["tool_call", "tool_result", "error"]
    assert_told(found)


def test_stopping_ends_an_answer_whose_approved_call_is_made(site, model, called, ask):
    model.answers = [Answer(calls=(CALL,))]
    place, member, org = ask("ask")
    wait_until(lambda: answer(org).status == "waiting")
    with site.client(member) as client:
        (button,) = client.page(place).select("form[action*=approvals]")[:1]
        assert client.submit(button["action"], {"verdict": "approve"}, form_url=place).status_code == 303
    wait_until(lambda: called.calls.total() == 1)
    stop(site, place, member)
    found = ended(org)
    assert found.status == "stopped"
    assert_told(found)


def test_stopping_ends_an_answer_whose_judge_is_silent(site, model, called, ask):
    judged, go = threading.Event(), threading.Event()

    def reply(asked):
        if "check calls" not in str(asked["messages"][0]):
            return Answer(calls=(CALL,))
        judged.set()
        go.wait(60)
        return Answer(("ALLOW",))

    model.choose = reply
    try:
        place, member, org = ask("agent")
        assert judged.wait(30)
        stop(site, place, member)
        found = ended(org)
    finally:
        model.choose = None
        go.set()
    assert (found.status, [part["kind"] for part in found.parts]) == ("stopped", ["tool_call"])
    time.sleep(1)
    assert called.calls.total() == 0
