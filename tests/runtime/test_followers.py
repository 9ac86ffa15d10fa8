"""What is called to followers: whole where it fits, else only whose it is; nothing of it may be lost unnoticed."""

from uuid import uuid4

from app.db.queue import Call
from app.runtime.followers import MOST_WAITING, Line
from app.runtime.services.following import _Heard

TASK = str(uuid4())


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
