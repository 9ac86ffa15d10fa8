"""Agents asked, followed and published by key."""

import pytest
from sqlalchemy import update

from app.api.views import runs as api_runs
from app.db.tables import Task
from app.orgs.models import SpendLimit
from app.runtime.services.following import Told
from app.threads.models import Thread
from tests.factories import agents, orgs, tasks, threads
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.queries import queries


@pytest.fixture
def place(home):
    return f"/api/v1/agents/{home.agent.id}/runs"


def test_a_run_waits_in_the_background_and_is_read_and_stopped(ours, home, place):
    answer = ours.post(place, {"input": "Where is my order?", "variables": {"who": "Ana"}})
    assert answer.status_code == 202, answer.text
    run = answer.json
    assert answer.location == f"/api/v1/runs/{run['id']}"
    assert (run["status"], run["message"]["status"], run["message"]["agent_version"]) == (
        "queued",
        "pending",
        1,
    )
    (task,) = rows(Task, kind="agent.run", status="queued")
    assert (task.payload["variables"], task.payload["api_key_id"]) == ({"who": "Ana"}, str(ours.key.id))
    assert rows(Thread, id=task.thread_id)[0].origin == "api"
    assert ours.get(answer.location).json == run
    stopped = ours.post(f"{answer.location}/cancel")
    assert stopped.status_code == 200
    assert stopped.json["status"] == "cancelled"
    assert stopped.json["message"]["status"] == "stopped"
    assert ours.post(f"{answer.location}/cancel").status_code == 409


@pytest.fixture
def ran(home):
    """A function that returns a run of the agent, with the message that it has written."""

    def make(name, person="admin", origin="api", *, answer=True, **values):
        thread = threads.thread(home.org, home.people[person], name=name, origin=origin)
        spent = {"model": "m1", "input_tokens": 10, "cost_micros": 300}
        version = home.rows["agent_versions"].id
        said = answer and threads.message(thread, "x", role="assistant", agent_version_id=version, **spent)
        given = {"message_id": str(said.id)} if said else {}
        facts = {"kind": "agent.run", "agent_id": home.agent.id, "thread_id": thread.id, "payload": given}
        return tasks.task(home.org, **{"status": "succeeded", **facts, **values})

    return make


def test_runs_of_an_agent_are_listed_newest_first_and_filtered(ours, home, place, ran):
    failed = ran("Refund", status="failed", error="e" * 400, trigger="schedule")
    done = ran("Order")
    other = agents.agent(home.org)
    ran("Elsewhere", agent_id=other.id)
    ran("No run", kind="agent.evaluate")
    found = ours.get(place).json
    assert ([row["id"] for row in found["data"]], found["total"]) == ([str(done.id), str(failed.id)], 2)
    newest, oldest = found["data"]
    assert (newest["status"], newest["thread_name"], newest["agent_version"]) == ("succeeded", "Order", 1)
    assert (newest["model"], newest["input_tokens"], newest["cost_micros"]) == ("m1", 10, 300)
    assert (oldest["trigger"], oldest["error"]) == ("schedule", "e" * 300)
    for query in (
        "status=failed",
        "status=-succeeded",
        "q=refund",
        "sort=created&page_size=1",
        "page=2&page_size=1",
    ):
        assert [row["id"] for row in ours.get(f"{place}?{query}").json["data"]] == [str(failed.id)], query
    first = ours.get(f"{place}?page_size=1").json
    after = ours.get(f"{place}?page_size=1&cursor={first['next_cursor']}").json
    assert ([row["id"] for row in after["data"]], after["next_cursor"]) == ([str(failed.id)], None)
    assert ours.get(f"{place}?created=..2020-01-01").json["data"] == []
    assert ours.get(f"{place}?status=ended").status_code == 422


def test_a_run_that_was_asked_for_is_listed_as_it_is_read(ours, place):
    run = ours.post(place, {"input": "Where is my order?"}).json
    (row,) = ours.get(place).json["data"]
    assert (row["id"], row["status"], row["thread_id"]) == (run["id"], "queued", run["thread_id"])
    assert (row["message_id"], row["agent_version"]) == (run["message"]["id"], 1)
    assert row["trigger"] == "program"


def test_runs_are_listed_to_those_who_see_their_threads(program, home, place, ran):
    shared, private = ran("Shared"), ran("Private", origin="playground")
    mine, gone = ran("Mine", "member", "playground"), ran("Gone", answer=False)
    member, admin = (program(home, role).get(place).json for role in ("member", "admin"))
    assert {row["id"] for row in member["data"]} == {str(run.id) for run in (shared, mine, gone)}
    assert (member["total"], admin["total"]) == (3, 4)
    assert str(private.id) in {row["id"] for row in admin["data"]}
    assert program(home, scopes=["agents:read"]).get(place).status_code == 403


def test_the_list_of_runs_costs_few_statements_whatever_its_length(ours, place, ran):
    for number in range(30):
        ran(f"Run {number}")
    ours.get(place)
    with queries(max=4):
        assert len(ours.get(f"{place}?page_size=30").json["data"]) == 30


def test_a_thread_goes_on_and_is_answered_once_at_a_time(ours, place):
    first = ours.post(place, {"input": "One"}).json
    again = {"input": "Two", "thread_id": first["thread_id"]}
    key = {"Idempotency-Key": "k-1"}
    refused = ours.post(place, again, headers=key)
    assert (refused.status_code, refused.headers["Retry-After"]) == (409, "5")
    ours.post(f"/api/v1/runs/{first['id']}/cancel")
    second = ours.post(place, again, headers=key)
    assert (second.status_code, second.json["thread_id"]) == (202, first["thread_id"])
    assert ours.post(place, again, headers=key).json == second.json


def test_a_streaming_run_tells_its_events_and_goes_on_after_the_last_known_one(ours, place, monkeypatch):
    told = [
        Told(1, "begin", {}),
        Told(2, "delta", {"index": 0, "text": "Hi"}),
        Told(3, "done", {"status": "succeeded"}),
    ]
    asked = []
    monkeypatch.setattr(
        api_runs, "follow", lambda _org, _run, after, _watch: asked.append(after) or iter(told[after:])
    )
    answer = ours.post(place, {"input": "One", "mode": "streaming"})
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert 'id: 2\nevent: delta\ndata: {"index":0,"text":"Hi"}\n' in answer.text
    again = ours.get(f"{answer.location}/events", headers={"Last-Event-ID": "2"})
    assert "event: delta" not in again.text
    assert "event: done" in again.text
    assert asked == [0, 2]


def test_the_same_idempotency_key_asks_once(ours, home, place):
    sent = [ours.post(place, {"input": "One"}, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert sent[0].json == sent[1].json
    assert len(rows(Task, kind="agent.run", status="queued")) == 1


def test_a_blocking_run_that_does_not_end_says_where_it_is(ours, place, monkeypatch):
    monkeypatch.setattr(api_runs, "follow", lambda *_: iter(()))
    answer = ours.post(place, {"input": "One", "mode": "blocking"})
    assert answer.status_code == 202
    assert answer.location == f"/api/v1/runs/{answer.json['id']}"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"input": ""}, 422),
        ({"input": "  "}, 422),
        ({"input": "a\0"}, 422),
        ({"input": "a", "version": 9}, 404),
        ({"input": "a", "version": "draft"}, 422),
        ({"input": "a", "variables": {"1x": "a"}}, 422),
        ({"input": "a", "mode": "later"}, 422),
        ({"input": "a", "thread_id": "01930000-0000-7000-8000-000000000000"}, 404),
    ],
)
def test_what_cannot_be_asked_is_refused(ours, place, sent, status):
    assert ours.post(place, sent).status_code == status
    assert rows(Task, kind="agent.run", status="queued") == []


def test_a_limit_that_is_used_up_refuses_with_the_words(ours, home, place):
    orgs.spend_limit(home.org, 10, spent_micros=10)
    answer = ours.post(place, {"input": "One"})
    assert answer.status_code == 429
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "insufficient_quota"
    assert "Spend limit reached: the organisation may spend USD 0.00001 a month" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert rows(Task, kind="agent.run", status="queued") == []


def test_ap_2_a_refusal_that_says_when_to_try_again_is_not_kept(ours, home, place):
    limit = orgs.spend_limit(home.org, 10, spent_micros=10)
    question, headers = {"input": "One"}, {"Idempotency-Key": "k-1"}
    first = ours.post(place, question, headers=headers)
    assert (first.status_code, first.headers["X-Should-Retry"]) == (429, "false")
    assert int(first.headers["Retry-After"]) > 0
    with as_owner() as session:
        session.execute(update(SpendLimit).where(SpendLimit.id == limit.id).values(spent_micros=0))
    again = [ours.post(place, question, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in again] == [202, 202]
    assert again[0].json["id"] == again[1].json["id"]


def test_oi_1_their_agents_runs_and_threads_are_not_found(ours, theirs, home, place, program):
    run = program(theirs).post(f"/api/v1/agents/{theirs.agent.id}/runs", {"input": "One"}).json
    assert ours.get(f"/api/v1/runs/{run['id']}").status_code == 404
    assert ours.post(f"/api/v1/runs/{run['id']}/cancel").status_code == 404
    assert ours.get(f"/api/v1/agents/{theirs.agent.id}/runs").status_code == 404
    assert run["id"] not in ours.get(place).text
    assert ours.post(f"/api/v1/agents/{theirs.agent.id}/runs", {"input": "One"}).status_code == 404
    assert ours.post(place, {"input": "One", "thread_id": run["thread_id"]}).status_code == 404


def test_an_agent_is_published(ours, home):
    url = f"/api/v1/agents/{home.agent.id}"
    version = ours.get(url).json["version"]
    assert ours.post(f"{url}/versions", {"version": version + 1}).status_code == 409
    answer = ours.post(f"{url}/versions", {"version": version, "name": "Launch", "note": "Why"})
    assert answer.status_code == 201, answer.text
    assert answer.location == f"{url}/versions/2"
    assert (answer.json["number"], answer.json["name"], answer.json["note"]) == (2, "Launch", "Why")
    assert ours.get(answer.location).json == answer.json
    assert ours.post(f"{url}/versions", {"version": version}).status_code == 409


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "1" * 10])
def test_k5_a_wrong_number_of_the_last_event_is_refused(ours, place, after):
    run = ours.post(place, {"input": "Hi"}).json
    answer = ours.get(f"/api/v1/runs/{run['id']}/events?after={after}")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "after")
