"""Agents asked, followed and published by key."""

import pytest

from app.api.views import runs as api_runs
from app.db.tables import Task
from app.runtime.services.following import Told
from app.threads.models import Thread
from tests.factories import orgs
from tests.factories.rows import rows


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


def test_a_thread_goes_on_and_is_answered_once_at_a_time(ours, place):
    first = ours.post(place, {"input": "One"}).json
    again = {"input": "Two", "thread_id": first["thread_id"]}
    assert ours.post(place, again).status_code == 409
    ours.post(f"/api/v1/runs/{first['id']}/cancel")
    second = ours.post(place, again).json
    assert second["thread_id"] == first["thread_id"]


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
    assert "Spend limit reached: the organisation may spend 0.00001 a month" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert rows(Task, kind="agent.run", status="queued") == []


def test_oi_1_their_agents_runs_and_threads_are_not_found(ours, theirs, home, place, program):
    run = program(theirs).post(f"/api/v1/agents/{theirs.agent.id}/runs", {"input": "One"}).json
    assert ours.get(f"/api/v1/runs/{run['id']}").status_code == 404
    assert ours.post(f"/api/v1/runs/{run['id']}/cancel").status_code == 404
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
