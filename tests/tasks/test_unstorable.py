"""Ends of tasks that the database does not take."""

from dataclasses import replace
from threading import Thread
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.audit.models import AuditEvent
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Task
from app.tasks.repo.runs import Claim, Ending
from app.tasks.repo.tasks import TasksRepo
from app.tasks.worker import dispatch, process, running
from app.tasks.worker.dispatch import Dispatcher
from app.tasks.worker.running import settle
from tests.factories import orgs
from tests.factories.rows import rows
from tests.support.apart import apart
from tests.support.claims import WORKER, claims
from tests.support.database import as_owner
from tests.support.processes import wait_until
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


@pytest.fixture
def started(app, monkeypatch):
    """A function that starts a worker with one task that has come to its end, which is settled as the test says."""
    monkeypatch.setattr(dispatch, "RECONNECT_SECONDS", 0.05)
    monkeypatch.setattr(dispatch, "attempt", lambda *_values: Ending("succeeded", "succeeded"))

    def start(settle):
        monkeypatch.setattr(dispatch, "settle", settle)
        worker = Dispatcher(app, uuid4(), 1, [], 10)
        worker._start(Claim(uuid4(), uuid4(), "test.plain", 1))
        return worker

    return start


class Settling:
    """Raises one error after the other, the last again and again; None is none."""

    def __init__(self, *errors):
        self.errors, self.endings = list(errors), []

    def __call__(self, _org, _task, _attempt, ending):
        self.endings.append(ending.outcome)
        error = self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]
        if error:
            raise error


LOST = OperationalError("SELECT 1", None, psycopg.errors.AdminShutdown("as asked"))


@pytest.mark.parametrize(
    "error",
    [
        KeyError("as asked"),
        IntegrityError("SELECT 1", None, psycopg.errors.ForeignKeyViolation("as asked")),
        ProgrammingError("SELECT 1", None, psycopg.errors.UndefinedFunction("as asked")),
    ],
)
def test_a_task_that_cannot_be_settled_leaves_its_place(started, error):
    settling = Settling(error)
    assert started(settling).finish(5)
    assert settling.endings == ["succeeded"]


def test_the_end_of_a_task_waits_for_the_database(started):
    settling = Settling(LOST, PoolTimeout(), psycopg.OperationalError("as asked"), None)
    worker = started(settling)
    worker.stop()
    assert worker.finish(5)
    assert settling.endings == ["succeeded"] * 4


def test_the_end_of_a_task_that_waits_for_the_database_is_not_late(started, monkeypatch):
    monkeypatch.setattr(dispatch, "attempt", overdue)
    settling = Settling(LOST)
    worker = started(settling)
    wait_until(lambda: settling.endings, 5)
    worker.watch()
    assert set(settling.endings) == {"succeeded"}
    worker.hand_back(5)


def overdue(_claim, begun):
    begun(None, replace(TELLING, seconds=0))
    return Ending("succeeded", "succeeded")


def test_a_worker_that_ends_waits_for_no_database(started, monkeypatch):
    monkeypatch.setattr(dispatch, "RECONNECT_SECONDS", 60)
    settling = Settling(LOST)
    worker = started(settling)
    wait_until(lambda: settling.endings, 5)
    worker.stop()
    worker.hand_back(5)
    assert settling.endings == ["succeeded"] * 2
    assert worker.held() == []


def test_a_task_that_cannot_be_given_back_keeps_no_other_one(app, acting, org, member, monkeypatch):
    acting(org, member)
    add(), add()
    given, left = claims()

    def settle_all_but_one(_org_id, task_id, *_values, **_more):
        if task_id == given.task_id:
            raise KeyError("as asked")
        settled.append(task_id)

    settled = []
    monkeypatch.setattr(running, "settle", settle_all_but_one)
    running.settle_anyway(given, running.returned())
    running.settle_anyway(left, running.returned())
    assert settled == [left.task_id]


def broken(*_given):
    raise KeyError("as asked")


@pytest.fixture
def reaping(app):
    """A function that has a worker look after the tasks that `claims` took, which it does not hold."""
    worker = process.Worker(app)
    worker._id, worker._steady_since = UUID(WORKER), float("-inf")

    def reap():
        with as_owner() as session:
            session.execute(text("UPDATE tasks SET started_at = now() - interval '11 seconds'"))
        apart(worker._reap)
        with as_owner() as session:
            session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))

    return reap


def test_a_task_whose_end_can_never_be_written_down_is_not_begun_for_ever(
    acting, org, member, monkeypatch, reaping
):
    monkeypatch.setattr(running, "tell_ended", broken)
    acting(org, member)
    add()
    for number in range(running.MOST_LOSSES):
        acting(org, member)
        assert (stored().status, stored().losses) == ("queued", number)
        (claim,) = claims()
        with pytest.raises(KeyError):
            settle(org.id, claim.task_id, claim.attempt, Ending("failed", "failed", error="as asked"))
        reaping()
    acting(org, member)
    assert (stored().status, stored().error) == ("failed", running.NO_END)
    assert claims() == []


def test_a_task_that_is_to_be_cancelled_and_whose_end_cannot_be_written_down_is_cancelled(
    acting, org, member, monkeypatch, reaping
):
    monkeypatch.setattr(running, "tell_ended", broken)
    acting(org, member)
    add()
    (claim,) = claims()
    with transaction():
        TasksRepo().cancel(org.id, [claim.task_id])
    reaping()
    acting(org, member)
    assert stored().status == "cancelled"


def test_a_task_that_loses_its_workers_ends_although_its_kind_cannot_be_told(
    acting, org, member, monkeypatch
):
    monkeypatch.setattr(running, "tell_ended", broken)
    acting(org, member)
    add()
    (claim,) = claims()
    running.settle_anyway(claim, running.lost(replace(claim, losses=running.MOST_LOSSES - 1)))
    acting(org, member)
    assert (stored().status, stored().error) == ("failed", running.WORKER_ENDED)


def test_a_late_task_whose_end_cannot_be_written_down_keeps_no_other_one(app, monkeypatch):
    worker = Dispatcher(app, uuid4(), 2, [], 10)
    late = [Claim(uuid4(), uuid4(), "test.plain", 1) for _ in range(2)]
    for claim in late:
        worker._places[claim.task_id, 1] = dispatch._Place(claim, Thread(), deadline=0)
    monkeypatch.setattr(running, "settle", broken)
    monkeypatch.setattr(dispatch, "settle", broken)
    worker.watch()
    assert worker.held() == []
    assert worker.exhausted
