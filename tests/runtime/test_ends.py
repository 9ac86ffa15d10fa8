"""Those who follow a run are told of its end once its task has ended, not when its answer is stored already."""

import time
from contextlib import nullcontext

import pytest

from app.runtime.followers import Followers, Line
from app.runtime.services import following
from app.tasks.worker.running import attempt, settle
from tests.support.apart import apart
from tests.support.claims import claims
from tests.support.program import Program


@pytest.fixture
def slow(monkeypatch):
    """A worker that has answered at the first look of a follower, and ends the task at look number `ends_at`."""
    read, ended = following._read, []
    monkeypatch.setattr(Followers, "following", lambda *_: nullcontext(Line()))

    def act(ends_at):
        looks = []

        def look(*values):
            looks.append(len(looks) + 1)
            if len(looks) == 1:
                (claim,) = claims()
                ended.append((claim, apart(attempt, claim, lambda *_: None)))
            if len(looks) == ends_at:
                claim, ending = ended.pop()
                apart(settle, claim.org_id, claim.task_id, claim.attempt, ending)
            return read(*values)

        monkeypatch.setattr(following, "_read", look)
        return looks

    return act


@pytest.fixture
def ours(app, org, person):
    return Program(app, org, person)


@pytest.fixture
def place(agent, version):
    return f"/api/v1/agents/{agent.id}/runs"


@pytest.mark.parametrize("ends_at", [1, 2, 5])
def test_a_blocking_run_answers_once_its_task_has_ended(ours, place, slow, ends_at):
    slow(ends_at)
    first = ours.post(place, {"input": "One", "mode": "blocking"})
    assert (first.status_code, first.json["status"]) == (200, "succeeded")
    assert first.json["message"]["status"] == "complete"
    again = ours.post(place, {"input": "Two", "thread_id": first.json["thread_id"]})
    assert again.status_code == 202, "the thread goes on at once"


def test_the_last_event_comes_once_the_task_has_ended(ours, place, slow):
    looks = slow(5)
    answer = ours.post(place, {"input": "One", "mode": "streaming"})
    assert answer.text.endswith('event: done\ndata: {"status":"succeeded"}\n\n')
    assert answer.text.count("event: done") == 1
    assert "event: step" not in answer.text
    assert len(looks) == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_thread_of_openais_clients_goes_on_at_once(ours, agent, version, slow, stream):
    asked = {"model": agent.name, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    slow(5)
    first = ours.post("/v1/chat/completions", asked)
    assert "Hello" in first.text
    slow(1)
    again = ours.post(
        "/v1/chat/completions", {**asked, "metadata": {"thread_id": first.headers["X-Thread-Id"]}}
    )
    assert (again.status_code, "Hello" in again.text) == (200, True)


def test_a_task_that_does_not_end_keeps_nobody_waiting_long(ours, place, slow, monkeypatch):
    monkeypatch.setattr(following, "SETTLE_SECONDS", 0.1)
    slow(None)
    began = time.monotonic()
    answer = ours.post(place, {"input": "One", "mode": "blocking"})
    assert (answer.status_code, answer.json["status"]) == (200, "succeeded")
    assert time.monotonic() - began < 5
    assert ours.get(answer.location).json == answer.json
