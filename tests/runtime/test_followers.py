"""What is called to followers: whole where it fits, else only whose it is; nothing of it may be lost unnoticed."""

import threading
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest

from app.db import queue
from app.db.base import db
from app.db.queue import EVENTS, Call
from app.runtime import followers
from app.runtime.followers import MOST_WAITING, Followers, Line
from app.runtime.services.following import _Heard

TASK = str(uuid4())


@pytest.fixture
def speaker(app):
    with app.app_context():
        address = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def ear(monkeypatch, speaker):
    """The connections on which they listen, which give up a server that is silent for half a second."""
    made, over = [], threading.Event()

    @contextmanager
    def impatient(channel):
        if made:
            over.set()
            threading.Event().wait()
        with queue.listening(channel) as connection:
            connection.patience = 0.5
            made.append(connection)
            yield connection

    monkeypatch.setattr(followers, "listening", impatient)
    monkeypatch.setattr(followers, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(followers, "RECONNECT_SECONDS", 0.1)
    yield made
    speaker.execute("SELECT pg_terminate_backend(%s)", (made[0].info.backend_pid,))
    assert over.wait(5)  # before the database of another test is asked


@pytest.mark.usefixtures("ear")
def test_quiet_hours_are_no_silence_of_the_server(app, speaker, caplog):
    call = Call(TASK, 1, (("delta", {"text": "ä"}),))
    with Followers(app).following(TASK) as line:
        assert line.hear(5) == Call(TASK)
        assert line.hear(1.5) is None
        speaker.execute("SELECT pg_notify(%s, %s)", (EVENTS, call.text()))
        heard = line.hear(5)
    assert heard == call
    assert caplog.messages == []


def test_a_call_says_what_was_told_with_its_numbers():
    call = Call.read(Call(TASK, 3, [("part", {"index": 0}), ("delta", {"text": "ä"})]).text())
    assert (call.task_id, call.first, call.last) == (TASK, 3, 4)
    assert call.said[1] == ("delta", {"text": "ä"})


def test_a_call_that_is_too_long_says_only_whose_it_is():
    text = Call(TASK, 3, [("delta", {"text": "ä" * 4_000})]).text()
    assert len(text.encode()) < 100
    assert Call.read(text) == Call(TASK)


def test_a_slow_follower_sees_that_calls_are_missing():
    line, heard = Line(), _Heard(last=0, read_at=float("inf"))
    for number in range(1, MOST_WAITING + 5):
        line.pass_on(Call(TASK, number, [("delta", {})]))
    for number in range(1, MOST_WAITING + 1):
        call = line.hear(0)
        assert not heard.missed(call)
        assert [told.seq for told in heard.spoken(heard.news(call))] == [number]
    assert line.hear(0) is None
    line.pass_on(Call(TASK, MOST_WAITING + 5, [("delta", {})]))
    assert heard.missed(line.hear(0))


def test_what_was_read_already_is_not_told_twice():
    heard = _Heard(last=5)
    assert not heard.missed(Call(TASK, 4, [("delta", {}), ("delta", {}), ("delta", {})]))
    assert [
        told.seq for told in heard.news(Call(TASK, 4, [("delta", {}), ("delta", {}), ("delta", {})]))
    ] == [6]


def test_a_call_without_events_has_the_database_read():
    assert _Heard(last=5).missed(Call(TASK))
