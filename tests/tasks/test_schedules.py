"""Slots become tasks once each, by the rules of the schedule (TK-3)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.audit.models import AuditEvent
from app.db.session import transaction
from app.db.tables import Task
from app.tasks.models import Schedule
from app.tasks.repo.schedules import ScheduleRepo
from app.tasks.services.schedules import (
    MISSED,
    STILL_RUNNING,
    Stale,
    change_schedule,
    create_schedule,
    remove_schedule,
    run_now,
    runs_to_come,
    state_of,
    tick,
)
from app.tasks.slots import SlotError
from app.web.errors import NotFound
from tests.factories import orgs, tasks
from tests.factories.rows import rows, stored
from tests.support.database import as_owner

pytestmark = pytest.mark.usefixtures("kinds_of_tests")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def member(org):
    return orgs.member(org)


@pytest.fixture
def now(connection):
    """The time of the database, which stands still in a test, at the start of a minute a moment ago."""
    return connection.scalar(text("SELECT date_trunc('minute', now())"))


@pytest.fixture
def minutely(org, member, now):
    """A function that returns a schedule of every minute that was last seen some minutes ago."""

    def make(minutes=0, **values):
        due = now - timedelta(minutes=minutes)
        defaults = {"cron": "* * * * *", "starts_at": LONG_AGO, "next_run_at": due, "created_by": member.id}
        return tasks.schedule(org, **{**defaults, **values})

    return make


def made(status=None):
    found = rows(Task)
    return [task for task in found if status is None or task.status == status]


def deliveries():
    with as_owner() as session:
        return session.execute(text("SELECT lock FROM procrastinate_jobs ORDER BY id")).scalars().all()


def test_tk_3_a_slot_becomes_one_task(acting, minutely, now, member):
    schedule = minutely()
    acting()
    tick()
    (task,) = made()
    assert (task.status, task.trigger, task.schedule_id, task.slot_at) == (
        "queued",
        "schedule",
        schedule.id,
        now,
    )
    assert task.created_by == member.id
    assert stored(schedule).next_run_at == now + timedelta(minutes=1)
    assert len(deliveries()) == 1
    tick()
    assert len(made()) == 1


def test_tk_3_a_clock_set_back_fires_nothing_again(acting, minutely, now):
    schedule = minutely()
    acting()
    tick()
    with as_owner() as session:
        session.execute(text("UPDATE schedules SET next_run_at = :slot"), {"slot": now})
    tick()
    assert len(made()) == 1
    assert len(deliveries()) == 1
    assert stored(schedule).next_run_at == now + timedelta(minutes=1)


@pytest.mark.parametrize(("rule", "run", "skipped"), [("one", 1, 99), ("all", 100, 0), ("skip", 1, 99)])
def test_tk_3_three_hours_of_a_minutely_schedule(acting, minutely, now, rule, run, skipped):
    schedule = minutely(180, catch_up=rule)
    acting()
    tick()
    assert (len(made("queued")), len(made("skipped"))) == (run, skipped)
    assert {task.error for task in made("skipped")} <= {MISSED}
    if rule == "all":
        tick()
        assert len(made("queued")) == 181
        assert set(deliveries()) == {str(schedule.id)}, "one after the other"
    assert stored(schedule).next_run_at == now + timedelta(minutes=1)
    assert len({task.slot_at for task in made()}) == len(made())


def test_missed_slots_are_skipped_where_none_is_to_be_caught_up(acting, minutely, now):
    schedule = minutely(cron="0 0 * * *", catch_up="skip", next_run_at=now - timedelta(days=1))
    with as_owner() as session:
        session.execute(text("UPDATE schedules SET next_run_at = :at"), {"at": now - timedelta(hours=30)})
    acting()
    tick()
    assert made("queued") == []
    assert {task.error for task in made("skipped")} == {MISSED}
    assert stored(schedule).next_run_at > now


@pytest.mark.parametrize(
    ("rule", "became", "lock"),
    [
        ("allow", ("queued", None), False),
        ("skip", ("skipped", STILL_RUNNING), None),
        ("queue", ("queued", None), True),
    ],
)
def test_the_rule_for_a_task_that_has_not_ended(acting, minutely, org, rule, became, lock):
    schedule = minutely(overlap=rule)
    tasks.task(org, schedule_id=schedule.id, status="running", attempt=1)
    acting()
    tick()
    (task,) = [task for task in made() if task.slot_at]
    assert (task.status, task.error) == became
    assert deliveries() == ([] if lock is None else [str(schedule.id) if lock else None])


def test_a_schedule_whose_creator_lost_access_is_disabled(acting, minutely, org):
    schedule = minutely()
    with as_owner() as session:
        session.execute(text("UPDATE org_members SET role = 'viewer'"))
    acting()
    tick()
    found = stored(schedule)
    assert (found.enabled, "no longer permitted" in found.disabled_reason) == (False, True)
    assert made() == []
    assert [event.target_id for event in rows(AuditEvent, action="schedule.disable")] == [schedule.id]


def test_paused_ended_and_disabled_schedules_rest(acting, minutely, now):
    minutely(enabled=False)
    minutely(next_run_at=None)
    ending = minutely(5, ends_at=now - timedelta(minutes=5))
    acting()
    tick()
    assert [task.schedule_id for task in made()] == [ending.id]
    assert stored(ending).next_run_at is None


def test_what_is_edited_runs_at_new_times_only(acting, minutely, org, member, now):
    schedule = minutely()
    acting(org, member)
    with transaction():
        change_schedule(org.id, schedule.id, 1, {"cron": "0 0 * * *"})
    acting()
    tick()
    assert made() == []
    assert stored(schedule).next_run_at > now
    acting(org, member)
    with pytest.raises(Stale), transaction():
        change_schedule(org.id, schedule.id, 1, {"cron": "0 1 * * *"})


def test_a_new_name_keeps_the_slots_that_have_come(acting, minutely, org, member, now):
    """Also of a schedule whose pause is over, which forms then leave out."""
    over = now - timedelta(minutes=9)
    schedule = minutely(cron=None, run_at=now, paused_until=over)
    acting(org, member)
    with transaction():
        change_schedule(org.id, schedule.id, 1, {"name": "Once", "paused_until": None})
    acting()
    tick()
    assert [(task.schedule_id, task.slot_at) for task in made("queued")] == [(schedule.id, now)]


def test_a_pause_passes_slots_over_for_good(acting, minutely, org, member, now):
    schedule = minutely()
    acting(org, member)
    until = now + timedelta(hours=2)
    with transaction():
        change_schedule(org.id, schedule.id, 1, {"paused_until": until})
    assert stored(schedule).next_run_at == until
    acting()
    tick()
    assert made() == []


def test_creating_checks_and_records(acting, org, member):
    acting(org, member)
    values = {"name": "Nightly", "kind": "test.plain", "cron": "0 3 * * *", "time_zone": "Europe/Berlin"}
    with transaction():
        schedule = create_schedule(org.id, values)
    assert schedule.next_run_at is not None
    assert (schedule.created_by, schedule.time_zone) == (member.id, "Europe/Berlin")
    assert [event.target_id for event in rows(AuditEvent, action="schedule.create")] == [schedule.id]
    for wrong in ({"cron": "0 0 31 2 *"}, {"time_zone": "Mars/Olympus"}):
        with pytest.raises(SlotError), transaction():
            create_schedule(org.id, {**values, **wrong})
    assert len(rows(Schedule)) == 1


def test_run_now_changes_no_slot(acting, minutely, org, member, now):
    schedule = minutely(next_run_at=now + timedelta(days=1))
    acting(org, member)
    with transaction():
        run_now(org.id, schedule.id)
    (task,) = made()
    assert (task.trigger, task.slot_at, task.schedule_id) == ("person", None, schedule.id)
    assert stored(schedule).next_run_at == now + timedelta(days=1)


def test_a_removed_schedule_leaves_its_tasks(acting, minutely, org, member):
    schedule = minutely()
    acting()
    tick()
    acting(org, member)
    with transaction():
        remove_schedule(org.id, schedule.id)
    (task,) = made()
    assert task.schedule_id is None


def test_another_organisations_schedule_is_not_there(acting, minutely):
    schedule = minutely()
    other = orgs.org()
    acting(other, orgs.member(other, "owner"))
    assert ScheduleRepo().get(other.id, schedule.id) is None
    for act in (lambda: run_now(other.id, schedule.id), lambda: remove_schedule(other.id, schedule.id)):
        with pytest.raises(NotFound), transaction():
            act()
    with pytest.raises(NotFound), transaction():
        change_schedule(other.id, schedule.id, 1, {"name": "Mine"})
    assert stored(schedule).name == "Nightly"


@pytest.mark.parametrize("rule", ["all", "one", "skip"])
def test_no_slot_of_a_pause_runs_once_it_is_over(acting, minutely, org, member, now, rule):
    schedule = minutely(60, catch_up=rule, overlap="allow")
    acting(org, member)
    with transaction():
        change_schedule(org.id, schedule.id, 1, {"paused_until": now + timedelta(minutes=9)})
    with as_owner() as session:  # ten minutes later, the database's clock stands still
        found = session.get(Schedule, schedule.id)
        found.next_run_at -= timedelta(minutes=10)
        found.paused_until -= timedelta(minutes=10)
    acting()
    tick()
    over = now - timedelta(minutes=1)
    assert {task.slot_at for task in made()} == {over, now}
    assert {task.slot_at for task in made("queued")} == ({over, now} if rule == "all" else {now})
    assert stored(schedule).next_run_at == now + timedelta(minutes=1)


@pytest.mark.parametrize(("rule", "run"), [("all", 100), ("one", 1), ("skip", 0)])
def test_what_was_missed_before_the_end_follows_the_rule_and_nothing_runs_behind_it(
    acting, minutely, now, rule, run
):
    end = now - timedelta(hours=4)
    schedule = minutely(600, catch_up=rule, ends_at=end)
    acting()
    while tick():
        pass
    assert len(made("queued")) == run
    assert max(task.slot_at for task in made()) <= end
    while stored(schedule).next_run_at:
        tick()
    assert max(task.slot_at for task in made()) == end
    assert state_of(stored(schedule)) == "ended"
    assert runs_to_come(stored(schedule), 10) == []


def test_the_runs_to_come_keep_within_pause_and_end(acting, minutely, org, member, now):
    schedule = minutely()
    acting(org, member)
    begin, end = now + timedelta(hours=2), now + timedelta(hours=2, minutes=3)
    with transaction():
        change_schedule(org.id, schedule.id, 1, {"paused_until": begin, "ends_at": end})
    found = stored(schedule)
    assert [slot.at for slot in runs_to_come(found, 10)] == [begin + timedelta(minutes=n) for n in range(4)]
    assert state_of(found) == "paused"
