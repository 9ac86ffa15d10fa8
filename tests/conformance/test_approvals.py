"""Calls that wait for a person, with real processes: each is decided once and made at most once, whoever is killed."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from app.agents.models import AgentVersion
from app.db.tables import Task
from app.runtime.models import ToolApproval
from app.threads.models import Message
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.called import called_server, calling_tool
from tests.support.live import Live
from tests.support.model_server import Answer, model_server
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

ZONES = ("Europe/Rome", "Europe/Berlin", "Europe/Oslo", "Europe/Paris", "Asia/Tokyo", "Asia/Seoul")
LONG = 120


@pytest.fixture(scope="module")
def called():
    with called_server() as server:
        yield server


@pytest.fixture(scope="module")
def model():
    with model_server() as server:
        server.choose = _reply
        yield server


def _reply(asked):
    """Call the tool for each zone that was asked for; once there is a result, say so."""
    last = asked["messages"][-1]
    if last["role"] == "tool":
        return Answer(("Done: ", last["content"][:60]))
    if "thinking" in asked:
        return _thought(last["content"])
    zones = enumerate(last["content"].split())
    calls = tuple((f"c{number}", "book", json.dumps({"time_zone": zone})) for number, zone in zones)
    return Answer(("Let me look.",), calls=calls)


def _thought(content):
    """The same by Anthropic's protocol, with thoughts before the call."""
    if any(block["type"] == "tool_result" for block in content):
        return Answer(("Done.",), ("So that is done.",))
    call = ("t1", "book", json.dumps({"time_zone": content[0]["text"]}))
    return Answer(("Let me look.",), ("Which zone?",), "aGlkZGVu", (call,))


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory, model, called):
    allowed = f"model:127.0.0.1:{model.server_port} tool:127.0.0.1:{called.server_port}"
    with Live(cluster, tmp_path_factory.mktemp("site"), OUTBOUND_ALLOW=allowed) as running:
        yield running


@pytest.fixture
def org(site, called):
    called.calls.clear()
    return orgs.org()


@pytest.fixture
def member(org):
    return orgs.member(org)


@pytest.fixture
def agent(org, model, called):
    connections.connection(org, slug="main", base_url=f"{model.url}/v1")
    made = agents.agent(org, primary_model_provider="main", primary_model="m")
    tool = calling_tool(org, called)
    agents.version(made, snapshot={"name": "Helper", "provider": "main", "model": "m", "tools": [tool]})
    return made


def staged(site, org, member, agent, zones, version="1"):
    """Have the agent ask to make a call for each zone; the calls by zone."""
    with site.client(member) as client:
        for zone in zones:
            asked = {"message": zone, "version": version}
            assert client.submit(f"/o/{org.slug}/agents/{agent.id}/playground", asked).status_code == 303
    count = sum(len(zone.split()) for zone in zones)
    wait_until(lambda: len(rows(ToolApproval, org_id=org.id, status="pending")) == count, LONG)
    return {row.arguments["time_zone"]: row for row in rows(ToolApproval, org_id=org.id)}


def decided(client, org, approval, verdict="approve"):
    url = f"/o/{org.slug}/approvals/{approval.id}"
    return client.submit(url, {"verdict": verdict}, form_url=f"/o/{org.slug}/agents").status_code


def decide(site, org, person, approval, verdict="approve"):
    with site.client(person) as client:
        return decided(client, org, approval, verdict)


def answers(org):
    return rows(Message, org_id=org.id, role="assistant")


def ended(org):
    return all(row.status not in {"pending", "waiting"} for row in answers(org))


def test_of_decisions_at_the_same_time_one_counts(site, org, member, agent, called):
    calls = staged(site, org, member, agent, ZONES)
    people = [member, *(orgs.member(org, "admin") for _ in range(3))]
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        clients = [stack.enter_context(site.client(person)) for person in people]
        jobs = [
            (zone, pool.submit(decided, client, org, call))
            for zone, call in calls.items()
            for client in clients
        ]
    found = {zone: sorted(job.result() for at, job in jobs if at == zone) for zone in calls}
    assert found == {zone: [303, 409, 409, 409] for zone in ZONES}
    wait_until(lambda: ended(org), LONG)
    assert called.calls == dict.fromkeys(ZONES, 1)
    assert {row.status for row in answers(org)} == {"complete"}


def test_of_the_last_decisions_at_the_same_time_one_has_the_answer_go_on(site, org, member, agent, called):
    calls = staged(site, org, member, agent, [" ".join(ZONES)])
    people = [member, *(orgs.member(org, "admin") for _ in ZONES[1:])]
    with ExitStack() as stack, ThreadPoolExecutor(len(ZONES)) as pool:
        clients = [stack.enter_context(site.client(person)) for person in people]
        jobs = [
            pool.submit(decided, client, org, calls[zone])
            for client, zone in zip(clients, ZONES, strict=True)
        ]
    assert [job.result() for job in jobs] == [303] * len(ZONES)
    wait_until(lambda: ended(org), LONG)
    assert called.calls == dict.fromkeys(ZONES, 1)
    (task,) = rows(Task, org_id=org.id)
    assert (answers(org)[0].status, task.status, task.attempt) == ("complete", "succeeded", 2)


def test_a_worker_killed_amid_a_call_leaves_it_unknown_and_it_is_not_repeated(
    site, org, member, agent, called
):
    calls = staged(site, org, member, agent, ZONES[:1])
    called.open.clear()
    assert decide(site, org, member, calls[ZONES[0]]) == 303
    wait_until(lambda: called.calls[ZONES[0]] == 1, LONG)
    site.worker.kill()
    called.open.set()
    site.worker.begin()
    wait_until(lambda: ended(org), LONG)
    (answer,) = answers(org)
    assert (answer.status, answer.parts[2]["status"]) == ("complete", "failed")
    assert "not known" in answer.parts[2]["result"]
    assert called.calls == {ZONES[0]: 1}


def test_another_worker_gives_the_thoughts_back(site, org, member, agent, called, model):
    connections.connection(org, slug="claude", kind="anthropic", base_url=model.url)
    (version,) = rows(AgentVersion, agent_id=agent.id)
    agents.version(agent, 2, snapshot={**version.snapshot, "provider": "claude", "reasoning_effort": "low"})
    calls = staged(site, org, member, agent, ZONES[:1], version="2")
    site.worker.kill()
    assert decide(site, org, member, calls[ZONES[0]]) == 303
    site.worker.begin()
    wait_until(lambda: ended(org), LONG)
    (answer,) = answers(org)
    assert (answer.status, model.refused, called.calls[ZONES[0]]) == ("complete", [], 1)
    (again,) = [part for part in model.seen[-1]["messages"] if part["role"] == "assistant"]
    assert [block["type"] for block in again["content"]] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
    ]


def test_whenever_workers_are_killed_each_call_is_made_at_most_once(site, org, member, agent, called):
    calls = staged(site, org, member, agent, ZONES)
    for zone, call in calls.items():
        assert decide(site, org, member, call, "reject" if zone == ZONES[-1] else "approve") == 303
        time.sleep(random.uniform(0, 0.2))
        site.worker.kill()
        site.worker.begin()
    wait_until(lambda: ended(org), 2 * LONG)
    found = {row.parts[1]["arguments"]["time_zone"]: row for row in answers(org)}
    results = {zone: row.parts[2] for zone, row in found.items() if len(row.parts) > 2}
    told = {zone: (row.status, results[zone]["status"], called.calls[zone]) for zone, row in found.items()}
    assert max(called.calls.values()) == 1, told
    assert called.calls[ZONES[-1]] == 0
    assert results[ZONES[-1]]["status"] == "rejected"
    done = [zone for zone, result in results.items() if result["status"] == "succeeded"]
    assert all(called.calls[zone] == 1 for zone in done), told
