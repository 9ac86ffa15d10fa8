"""Answers that nobody wants any more because their thread is deleted."""

import pytest

from app.runtime.services import answering
from app.threads.models import Message, Thread
from tests.factories.rows import rows
from tests.support.claims import claims, run


@pytest.fixture
def asked(member, agent):
    """A question that waits for its answer."""
    sent = {"message": "Where is my order?", "version": "draft"}
    assert member.submit(f"/o/acme/agents/{agent.id}/playground", sent).status_code == 303
    return rows(Thread)[0]


def delete(member, thread):
    assert member.submit(f"/o/acme/threads/{thread.id}/delete").status_code == 303


def answer():
    return next(row for row in rows(Message) if row.role == "assistant")


def test_a_model_is_not_asked_for_an_answer_in_a_deleted_thread(member, asked, server, work):
    delete(member, asked)
    (ending,) = work()
    assert (ending.status, server.seen, answer().status) == ("cancelled", [], "stopped")


def test_an_answer_stops_amid_it_when_its_thread_is_deleted(member, asked, server, monkeypatch):
    began = answering.answer

    def deleted(work, given):
        delete(member, asked)
        return began(work, given)

    monkeypatch.setattr(answering, "answer", deleted)
    (claim,) = claims()
    assert run(claim)[0].status == "cancelled"
    assert answer().status == "stopped"


def test_an_answer_in_a_thread_that_was_restored_in_time_is_written(member, asked, work):
    delete(member, asked)
    assert member.submit(f"/o/acme/threads/{asked.id}/restore").status_code == 303
    assert [ending.status for ending in work()] == ["succeeded"]
