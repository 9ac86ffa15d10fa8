"""Ends of tasks that the database does not take."""

from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Task
from app.tasks.repo.runs import Claim, Ending
from app.tasks.worker import dispatch, running
from app.tasks.worker.dispatch import Dispatcher
from app.tasks.worker.running import settle
from tests.factories import orgs
from tests.factories.rows import rows
from tests.support.claims import claims
from tests.support.task_kinds import TELLING, Plain

pytestmark = pytest.mark.usefixtures("kinds_of_tests")


@pytest.fixture
def member(org):
    return orgs.member(org)


def add():
    with transaction():
        enqueue(TELLING, Plain())


def stored():
    (task,) = rows(Task)
    return task


@pytest.mark.parametrize("result", [{"said": "\x00"}, {"said": "\ud800"}, {"said": object()}])
def test_a_task_whose_result_cannot_be_stored_has_failed(acting, org, member, result):
    acting(org, member)
    add()
    (claim,) = claims()
    assert settle(org.id, claim.task_id, claim.attempt, Ending("succeeded", "succeeded", result=result))
    task = stored()
    assert (task.status, task.result, task.error) == ("failed", None, running.UNSTORABLE)
    (told,) = rows(AuditEvent, action="test.ended")
    assert told.target_label == running.UNSTORABLE


@pytest.mark.parametrize("reason", ["it said \x00", "it said \ud800"])
def test_a_task_whose_reason_cannot_be_stored_has_failed_all_the_same(acting, org, member, reason):
    acting(org, member)
    add()
    (claim,) = claims()
    assert settle(org.id, claim.task_id, claim.attempt, Ending("failed", "failed", error=reason))
    assert (stored().status, stored().error) == ("failed", running.UNSAID)


def test_a_task_that_cannot_be_settled_leaves_its_place(app, monkeypatch):
    def broken(*_values):
        raise KeyError("as asked")

    ended = Ending("succeeded", "succeeded")
    monkeypatch.setattr(dispatch, "attempt", lambda *_values: ended)
    monkeypatch.setattr(dispatch, "settle", broken)
    worker = Dispatcher(app, uuid4(), 1, [], 10)
    worker._start(Claim(uuid4(), uuid4(), "test.plain", 1))
    assert worker.finish(5)
