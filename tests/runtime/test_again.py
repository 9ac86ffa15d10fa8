"""Answers that ended early and are queued again from the list of tasks: one answer at a time in each thread."""

import pytest

from app.db.tables import Task
from app.threads.models import Thread
from tests.factories.rows import rows, stored
from tests.support.model_server import Answer
from tests.support.queries import queries

SENT = {"message": "Where is my order?", "version": "draft"}


@pytest.fixture
def place(member, agent, server):
    """A conversation whose answer was stopped before it began."""
    asked = member.submit(f"/o/acme/agents/{agent.id}/playground", SENT)
    member.submit(f"/o/acme/tasks/{rows(Task)[0].id}/cancel")
    return asked.location


def states():
    return [task.status for task in sorted(rows(Task), key=lambda task: task.id)]


def again(member, *tasks):
    member.submit("/o/acme/tasks/bulk", {"act": "retry", "ids": [str(task.id) for task in tasks]})
    return member.page("/o/acme/tasks").get_text()


@pytest.mark.parametrize("way", ["one", "many"])
def test_an_answer_is_not_queued_again_while_its_thread_is_being_answered(member, place, work, way):
    (stopped,) = rows(Task)
    member.submit(place, SENT)
    if way == "many":
        shown = again(member, stopped)
    else:
        member.submit(f"/o/acme/tasks/{stopped.id}/retry")
        shown = member.page("/o/acme/tasks").get_text()
    assert "is of a thread that is being answered" in shown
    assert states() == ["cancelled", "queued"]
    work()
    member.submit(f"/o/acme/tasks/{stopped.id}/retry")
    assert states() == ["queued", "succeeded"]


def test_of_the_answers_of_a_thread_one_is_queued_again_at_a_time(member, place, agent):
    member.submit(place, SENT)
    member.submit(f"/o/acme/tasks/{max(task.id for task in rows(Task))}/cancel")
    member.submit(f"/o/acme/agents/{agent.id}/playground", SENT)
    member.submit(f"/o/acme/tasks/{max(task.id for task in rows(Task))}/cancel")
    assert (states(), len(rows(Thread))) == (["cancelled"] * 3, 2)
    with queries(max=30):
        shown = again(member, *rows(Task))
    assert "is of a thread that is being answered" in shown
    assert states() == ["cancelled", "queued", "queued"]


def test_an_answer_that_is_queued_again_keeps_the_next_message_waiting(member, place, server, work):
    server.answers = [Answer(("Tomorrow.",))]
    (stopped,) = rows(Task)
    member.submit(f"/o/acme/tasks/{stopped.id}/retry")
    assert member.submit(place, SENT).status_code == 409
    work()
    assert stored(stopped).status == "succeeded"
