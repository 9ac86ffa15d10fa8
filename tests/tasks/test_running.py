"""Tasks from their row to their end, in one process: fences, failures, rights, steps."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.audit.models import AuditEvent
from app.db.base import db
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Task, TaskAttempt, TaskEvent
from app.tasks.repo.runs import Ending, RunRepo
from app.tasks.repo.tasks import TasksRepo
from app.tasks.services.tasks import cancel_tasks
from app.tasks.worker import running
from app.tasks.worker.running import settle
from tests.factories import agents, orgs
from tests.factories.rows import rows
from tests.support import task_kinds
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.task_kinds import EMPTY, PLAIN, TELLING, Plain

pytestmark = pytest.mark.usefixtures("kinds_of_tests")


@pytest.fixture
def member(org):
    return orgs.member(org)


def add(kind=PLAIN, **given):
    with transaction():
        return enqueue(kind, Plain(**given))


def stored(task_id):
    return rows(Task, id=task_id)[0]


def deliveries():
    with as_owner() as session:
        return session.scalar(text("SELECT count(*) FROM procrastinate_jobs"))


def test_a_task_runs_once_and_leaves_no_delivery(acting, org, member):
    acting(org, member)
    task_id = add(steps=2)
    assert deliveries() == 1
    (claim,) = claims()
    assert (claim.task_id, claim.attempt, claim.user_id, claim.role) == (task_id, 1, member.id, "member")
    assert claims() == []
    assert run(claim)[1]
    task = stored(task_id)
    assert (task.status, task.result, task.attempt, task.failures) == ("succeeded", {"steps": 2}, 1, 0)
    assert task.finished_at is not None
    assert deliveries() == 0
    assert [event.data["name"] for event in rows(TaskEvent)] == ["step-0", "step-1"]
    assert [tried.outcome for tried in rows(TaskAttempt)] == ["succeeded"]


def test_a_rolled_back_change_leaves_neither_task_nor_delivery(acting, org, member):
    acting(org, member)
    with pytest.raises(ZeroDivisionError), transaction():
        enqueue(PLAIN, Plain())
        raise ZeroDivisionError
    assert rows(Task) == []
    assert deliveries() == 0


def test_the_delivery_names_organisation_and_task_only(acting, org, member):
    acting(org, member)
    task_id = add(file="secret")
    with as_owner() as session:
        arguments = session.scalar(text("SELECT args FROM procrastinate_jobs"))
    assert arguments == {"org_id": str(org.id), "task_id": str(task_id)}


def test_a_failing_task_is_tried_three_times_and_keeps_the_reason(acting, org, member):
    acting(org, member)
    task_id = add(act="raise")
    for number in (1, 2, 3):
        (claim,) = claims()
        assert claim.attempt == number
        before = datetime.now(UTC)
        assert run(claim)[1]
        acting(org, member)
        task = stored(task_id)
        if number < 3:
            assert task.status == "queued"
            assert task.available_at - before > timedelta(seconds=1.4 * 4 ** (number - 1))
            assert claims() == []
            with as_owner() as session:
                session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))
    assert (task.status, task.failures, task.error) == ("failed", 3, "RuntimeError")
    assert [tried.outcome for tried in rows(TaskAttempt)] == ["failed"] * 3


def test_a_late_write_of_a_lost_attempt_is_refused(acting, org, member):
    acting(org, member)
    task_id = add()
    (claim,) = claims()
    assert settle(*key(claim), running.returned())
    (second,) = claims()
    assert second.attempt == 2
    ending, settled = run(claim)
    assert (ending, settled) == (None, False)
    assert stored(task_id).status == "running"
    assert rows(TaskEvent) == []
    assert run(second)[1]
    assert not settle(*key(second), running.returned())
    assert stored(task_id).status == "succeeded"


def key(claim):
    return claim.org_id, claim.task_id, claim.attempt


def test_what_a_task_tells_is_kept_in_order_and_only_its_own_attempt_may(acting, org, member):
    acting(org, member)
    add(TELLING)
    (claim,) = claims()
    assert run(claim)[1]
    assert [(event.seq, event.kind) for event in rows(TaskEvent)] == [(1, "part"), (2, "part"), (3, "step")]
    assert ends() == []
    acting(org, member)
    add(TELLING)
    (late,) = claims()
    assert settle(*key(late), running.returned())
    assert run(late) == (None, False)
    assert len(rows(TaskEvent)) == 3


def test_a_kind_hears_of_each_end_that_is_no_success_and_only_then(acting, org, member):
    acting(org, member)
    failing = add(TELLING, act="raise")
    (claim,) = claims()
    for _ in range(2):
        assert settle(*key(claim), running.returned())
        (claim,) = claims()
    assert ends() == []
    assert settle(*key(claim), Ending("late", "failed", error="ran longer than 2 s"))
    waiting = add(TELLING)
    acting(org, member)
    with transaction():
        cancel_tasks(org.id, [waiting])
    assert ends() == [(failing, "ran longer than 2 s"), (waiting, "cancelled")]
    other = add(TELLING)
    (claim,) = claims()
    with transaction():
        cancel_tasks(org.id, [other])
    assert len(ends()) == 2, "a running task ends by itself"
    assert run(claim)[1]
    assert ends()[2] == (other, "cancelled")


def ends():
    return [(event.target_id, event.target_label) for event in rows(AuditEvent, action="test.ended")]


def test_finished_steps_are_not_repeated(acting, org, member, tmp_path):
    acting(org, member)
    file = tmp_path / "effects"
    add(steps=3, file=str(file))
    (first,) = claims()
    task = running.RunningTask(first, PLAIN)
    acting(org, member)
    assert task.step("step-0", lambda: 0) == 0
    settle(*key(first), running.returned())
    (second,) = claims()
    assert run(second)[1]
    assert [line.rsplit("-", 1)[1] for line in file.read_text().split()] == ["1", "2"]


def test_a_change_leaves_no_note_and_is_the_current_attempts_alone(acting, org, member):
    acting(org, member)
    add()
    (first,) = claims()
    task = running.RunningTask(first, PLAIN)
    task.log("Begin")
    assert task.change(lambda: 1) == 1
    assert [event.kind for event in rows(TaskEvent)] == ["log"]
    settle(*key(first), running.returned())
    (second,) = claims()
    acting(org, member)
    with pytest.raises(running.Stop):
        task.change(lambda: pytest.fail("an attempt that is over changed something"))
    assert running.RunningTask(second, PLAIN).change(lambda: 2) == 2


@pytest.mark.parametrize("change", ["demote", "disable", "remove", "agent"])
def test_rights_are_asked_for_before_each_step(acting, org, member, change):
    agent = agents.agent(org)
    acting(org, member)
    with transaction():
        task_id = enqueue(PLAIN, Plain(), agent_id=agent.id)
    (claim,) = claims()
    task = running.RunningTask(claim, PLAIN)
    statement = {
        "demote": "UPDATE org_members SET role = 'viewer'",
        "disable": "UPDATE users SET disabled_at = now()",
        "remove": "DELETE FROM org_members",
        "agent": "UPDATE agents SET deleted_at = now()",
    }[change]
    with as_owner() as session:
        session.execute(text(statement))
    acting(org, member)
    with pytest.raises(running.Stop) as stop:
        task.step("one", lambda: 1)
    assert settle(*key(claim), stop.value.ending)
    reason = "its agent is deleted" if change == "agent" else "no longer permitted"
    assert (stored(task_id).status, stored(task_id).error) == ("failed", reason)


def test_who_lost_the_right_while_the_task_waited_starts_nothing(acting, org, member):
    acting(org, member)
    task_id = add()
    with as_owner() as session:
        session.execute(text("UPDATE org_members SET role = 'viewer'"))
    acting(org, member)
    (claim,) = claims()
    assert run(claim)[1]
    assert stored(task_id).error == "no longer permitted"
    assert rows(TaskEvent) == []


def test_of_two_organisations_each_gets_its_turn(acting, connection):
    many, few = orgs.org(), orgs.org()
    for org, count in ((many, 6), (few, 1)):
        acting(org, orgs.member(org))
        for _ in range(count):
            add(EMPTY)
    acting()
    found = [claim.org_id for claim in claims(limit=2)]
    assert set(found) == {many.id, few.id}


def test_an_organisation_keeps_within_its_limits(acting, org, member):
    acting(org, member)
    for _ in range(5):
        add(EMPTY)
    assert len(claims(org_limit=3)) == 3
    assert claims(org_limit=3) == []
    assert len(claims(share=4)) == 1


def test_queues_and_priorities_are_kept(acting, org, member):
    acting(org, member)
    plain = add()
    urgent = add(task_kinds.URGENT)
    other = add(task_kinds.OTHER)
    assert [claim.task_id for claim in claims(queues=["other"])] == [other]
    assert [claim.task_id for claim in claims(queues=["default"])] == [urgent, plain]
    other = add(task_kinds.OTHER)
    assert claims(queues=["-other"]) == []
    assert [claim.task_id for claim in claims(queues=["-default"])] == [other]


def test_places_are_counted_by_queue(acting, org, member):
    acting(org, member)
    for kind in (EMPTY, EMPTY, task_kinds.ANSWER, task_kinds.ANSWER):
        add(kind)
    assert len(claims(org_limit=1)) == 2
    assert len(claims(share=2)) == 2
    assert claims(share=2) == []


def test_a_stalled_task_is_found_in_whatever_organisation(acting, org, member):
    acting(org, member)
    add()
    (claim,) = claims()
    acting()
    with transaction():
        stalled = RunRepo().stalled(timedelta(seconds=30), 10)
    assert [found.task_id for found in stalled] == [claim.task_id]


def test_the_input_is_strict(acting, org, member):
    acting(org, member)
    task_id = add()
    with as_owner() as session:
        session.execute(text("""UPDATE tasks SET payload = '{"seconds": "1"}'"""))
    (claim,) = claims()
    run(claim)
    assert stored(task_id).error.startswith("The input does not fit")


def test_progress_and_lines_of_the_log_are_stored(acting, org, member):
    acting(org, member)
    task_id = add()
    (claim,) = claims()
    task = running.RunningTask(claim, PLAIN)
    task.log("Begin")
    task.progress(1, 4, "first part")
    task.step("one", lambda: task.log("Inside"))
    assert stored(task_id).progress == {"done": 1, "total": 4, "words": "first part"}
    said = [(event.seq, event.kind, event.data.get("words")) for event in rows(TaskEvent)]
    assert said == [(1, "log", "Begin"), (2, "log", "Inside"), (3, "step", None)]


def test_the_application_cannot_reach_the_deliveries(acting, org, member):
    acting(org, member)
    add()
    with pytest.raises(Exception, match="permission denied"), transaction():
        db.session.execute(text("SELECT * FROM procrastinate_jobs"))


def test_a_task_of_another_organisation_is_not_settled(acting, org, member):
    acting(org, member)
    task_id = add()
    (claim,) = claims()
    other = orgs.org()
    assert not settle(other.id, claim.task_id, claim.attempt, running.returned())
    assert stored(task_id).status == "running"


def lose(claim):
    """Have the reaper find that the worker of a task is gone."""
    with transaction():
        (found,) = RunRepo().stalled(timedelta(seconds=30), 10)
    assert (found.task_id, found.attempt) == (claim.task_id, claim.attempt)
    assert settle(*key(found), running.lost(found))
    with as_owner() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))


def test_a_lost_worker_takes_none_of_the_three_attempts(acting, org, member):
    acting(org, member)
    task_id = add(act="raise")
    for _ in range(2):
        lose(claims()[0])
    acting(org, member)
    assert (stored(task_id).failures, stored(task_id).losses) == (0, 2)
    for _ in range(3):
        run(claims()[0])
        with as_owner() as session:
            session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))
    assert (stored(task_id).status, stored(task_id).failures, stored(task_id).error) == (
        "failed",
        3,
        "RuntimeError",
    )


def test_a_task_that_loses_its_worker_five_times_ends_and_can_be_run_again(acting, org, member):
    acting(org, member)
    task_id = add()
    for number in range(5):
        assert (stored(task_id).status, stored(task_id).losses) == ("queued", number)
        lose(claims()[0])
    assert (stored(task_id).status, stored(task_id).error) == ("failed", "its worker ended")
    assert deliveries() == 0
    assert [tried.outcome for tried in rows(TaskAttempt)] == ["lost"] * 5
    acting(org, member)
    with transaction():
        TasksRepo().again(org.id, [task_id])
    assert stored(task_id).losses == 0
    assert run(claims()[0])[1]
    assert stored(task_id).status == "succeeded"


def test_of_those_that_lost_two_workers_one_runs_at_a_time_in_all_organisations(acting, org, member):
    other = orgs.org()
    acting(org, member)
    first, fresh = add(), add(EMPTY)
    acting(other, orgs.member(other))
    second = add()
    acting()
    for _ in range(2):
        assert {claim.task_id for claim in claims()} >= {first, second}
        with transaction():
            stalled = RunRepo().stalled(timedelta(seconds=30), 10)
        for found in stalled:
            settle(*key(found), running.lost(found) if found.task_id != fresh else running.returned())
        with as_owner() as session:
            session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))
    alone = {claim.task_id: claim for claim in claims()}
    assert set(alone) == {first, fresh}
    assert run(alone[first])[1]
    assert [claim.task_id for claim in claims()] == [second]


def test_a_cancelled_task_that_loses_its_worker_is_cancelled(acting, org, member):
    acting(org, member)
    task_id = add()
    (claim,) = claims()
    with transaction():
        TasksRepo().cancel(org.id, [task_id])
    lose(claim)
    assert stored(task_id).status == "cancelled"
