"""Schedules: kept by people, and turned into tasks slot by slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.audit.services import record
from app.db.scope import Scope, current_scope, use_scope
from app.db.session import transaction
from app.db.work import Kind, UnknownKind, kinds
from app.tasks.models import Schedule
from app.tasks.repo.schedules import Due, ScheduleRepo
from app.tasks.slots import Slot, Timing, check, due_slots, latest_slots, next_slot, preview
from app.web.access import role_has
from app.web.errors import NotFound

BATCH = 200
MOST_MISSED = 100
"""Missed slots that one look at a schedule turns into tasks; of those that collapse, how many are shown."""
SECOND = timedelta(seconds=1)
LATE = timedelta(seconds=60)
"""A slot that is later than this was missed."""
MISSED = "missed while no worker ran"
STILL_RUNNING = "the task before has not ended"
NO_LONGER_PERMITTED = "no longer permitted: its creator has lost the right to do this"
TIMING = ("cron", "every_seconds", "run_at", "time_zone", "starts_at")
WHEN = (*TIMING, "paused_until", "ends_at")


class Stale(Exception):
    """Somebody else changed the schedule in the meantime; `schedule` is what is stored now."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule.name)
        self.schedule = schedule


def timing_of(schedule: Schedule) -> Timing:
    """When a schedule runs."""
    return Timing(
        schedule.cron, schedule.every_seconds, schedule.run_at, schedule.starts_at, schedule.time_zone
    )


def state_of(schedule: Schedule) -> str:
    """Active, paused, ended or disabled, as the list says it."""
    if not schedule.enabled:
        return "disabled"
    if schedule.next_run_at is None:
        return "ended"
    return "paused" if schedule.paused_until and schedule.paused_until > datetime.now(UTC) else "active"


def runs_to_come(schedule: Schedule, most: int) -> list[Slot]:
    """The next slots that will run; none of a schedule that is turned off or has ended."""
    if not schedule.enabled or schedule.next_run_at is None:
        return []
    return _to_come(timing_of(schedule), schedule.next_run_at, schedule.ends_at, most)


def runs_planned(values: Mapping[str, Any], stored: Schedule | None, most: int) -> list[Slot]:
    """The next slots of a new schedule with these columns, or of a stored one changed to them. Raises SlotError."""
    now = datetime.now(UTC)
    timing = Timing(**{"starts_at": stored.starts_at if stored else now, **_timing(values)})
    check(timing)
    first = _next(timing, now, values)
    return _to_come(timing, first, values["ends_at"], most) if first else []


def _to_come(timing: Timing, first: datetime, ends_at: datetime | None, most: int) -> list[Slot]:
    return [slot for slot in preview(timing, first - SECOND, most) if ends_at is None or slot.at <= ends_at]


def create_schedule(org_id: UUID, values: Mapping[str, Any]) -> Schedule:
    """Store a schedule, which acts for the person of the scope. Raises SlotError."""
    repo = ScheduleRepo()
    now = repo.now()
    timing = Timing(**{"starts_at": now, **_timing(values)})
    check(timing)
    row = {**values, "starts_at": timing.starts_at, "created_by": current_scope().user_id}
    schedule = repo.add(org_id, {**row, "next_run_at": _next(timing, now, row)})
    record("schedule.create", "schedule", schedule.id, schedule.name, after=_shown(values))
    return schedule


def change_schedule(
    org_id: UUID, schedule_id: UUID, lock_version: int, values: Mapping[str, Any]
) -> Schedule:
    """Save an edited schedule, which from now on acts for the person of the scope.

    Where it is to run at other times, only slots to come count.

    Raises NotFound, Stale, SlotError.
    """
    repo = ScheduleRepo()
    schedule = repo.lock(org_id, schedule_id)
    if schedule is None:
        raise NotFound
    if schedule.lock_version != lock_version:
        raise Stale(schedule)
    before = {name: getattr(schedule, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return schedule
    now, was, after = repo.now(), _columns(schedule), {**_columns(schedule), **changed}
    timing = Timing(**{name: after[name] for name in TIMING})
    check(timing)
    row = {**changed, "created_by": current_scope().user_id, "disabled_reason": None}
    if _when(was, now) != _when(after, now) or "enabled" in changed:
        row["next_run_at"] = _next(timing, now, after)
    saved = repo.change(org_id, schedule_id, lock_version, row)
    assert saved is not None
    old = {name: before[name] for name in changed}
    record("schedule.change", "schedule", schedule_id, saved.name, before=_shown(old), after=_shown(changed))
    return saved


def set_enabled(org_id: UUID, schedule_id: UUID, *, enabled: bool) -> None:
    """Turn a schedule on or off, whatever was changed of it before. Raises NotFound, SlotError."""
    schedule = ScheduleRepo().lock(org_id, schedule_id)
    if schedule is None:
        raise NotFound
    change_schedule(org_id, schedule_id, schedule.lock_version, {"enabled": enabled})


def remove_schedule(org_id: UUID, schedule_id: UUID) -> None:
    """Delete a schedule; what it started goes on. Raises NotFound."""
    schedule = ScheduleRepo().lock(org_id, schedule_id)
    if schedule is None:
        raise NotFound
    ScheduleRepo().remove(org_id, schedule_id)
    record("schedule.delete", "schedule", schedule_id, schedule.name)


def run_now(org_id: UUID, schedule_id: UUID) -> UUID:
    """Queue a task of the schedule at once, in the name of the person of the scope. Raises NotFound, UnknownKind."""
    schedule = ScheduleRepo().lock(org_id, schedule_id)
    if schedule is None:
        raise NotFound
    task = _task(schedule, kinds().get(schedule.kind)) | {
        "trigger": "person",
        "created_by": current_scope().user_id,
    }
    ScheduleRepo().add_tasks(org_id, [task], [schedule.id] if schedule.overlap == "queue" else [])
    record("schedule.run", "schedule", schedule_id, schedule.name)
    return UUID(str(task["id"]))


def tick() -> bool:
    """Turn slots that have come into tasks, in every organisation; whether there may be more to do at once."""
    use_scope(Scope())
    with transaction():
        due = ScheduleRepo().all_due(BATCH)
    moved = 0
    for org_id, rows in groupby(sorted(due), key=attrgetter("org_id")):
        use_scope(Scope(org_id, actor_label="schedule"))
        with transaction():
            moved += _fire(org_id, [row.schedule_id for row in rows])
    return len(due) == BATCH and moved > 0


@dataclass
class _Firing:
    """What the due schedules of an organisation come to, all written in one commit."""

    tasks: list[dict[str, Any]] = field(default_factory=list)
    in_turn: list[UUID] = field(default_factory=list)
    next: dict[UUID, datetime | None] = field(default_factory=dict)


def _fire(org_id: UUID, ids: list[UUID]) -> int:
    repo, firing = ScheduleRepo(), _Firing()
    found = repo.take_due(org_id, ids)
    for due in found:
        kind = _kind(due)
        if kind is None:
            repo.disable(org_id, due.schedule.id, NO_LONGER_PERMITTED)
            record(
                "schedule.disable",
                "schedule",
                due.schedule.id,
                due.schedule.name,
                after={"reason": NO_LONGER_PERMITTED},
            )
        else:
            _plan(due, kind, firing)
    if firing.tasks:
        repo.add_tasks(org_id, firing.tasks, firing.in_turn)
    repo.advance(org_id, firing.next)
    return len(found)


def _kind(due: Due) -> Kind[Any] | None:
    """What the schedule starts; None if its creator may not, or it is not there any more."""
    try:
        kind = kinds().get(due.schedule.kind)
    except UnknownKind:
        return None
    return kind if role_has(due.role, kind.right) else None


def _plan(due: Due, kind: Kind[Any], firing: _Firing) -> None:
    """One task per slot: run, or skipped by the rule for missed or for overlapping ones."""
    schedule, timing = due.schedule, timing_of(due.schedule)
    assert schedule.next_run_at is not None
    pick = due_slots if schedule.catch_up == "all" else latest_slots
    until = min(due.now, schedule.ends_at or due.now)
    slots = [
        slot
        for slot in pick(timing, schedule.next_run_at, until, MOST_MISSED)
        if schedule.ends_at is None or slot <= schedule.ends_at
    ]
    for slot in slots:
        reason = _skipped(due, slot, slots)
        row = _task(schedule, kind) | {"slot_at": slot, "trigger": "schedule"}
        if reason:
            row |= {"status": "skipped", "error": reason, "finished_at": due.now}
        firing.tasks.append(row)
    if schedule.overlap != "allow":
        firing.in_turn.append(schedule.id)
    last = slots[-1] if slots else schedule.next_run_at
    firing.next[schedule.id] = _next(timing, last, {"ends_at": schedule.ends_at})


def _skipped(due: Due, slot: datetime, slots: Sequence[datetime]) -> str | None:
    """Why no task runs for this slot of those that have come, if none does. What is caught up runs in turn."""
    rule, late = due.schedule.catch_up, due.now - slot > LATE
    if rule != "all" and slot != slots[-1]:
        return MISSED
    if rule == "skip" and late:
        return MISSED
    if due.schedule.overlap == "skip" and due.live and not (rule == "all" and (late or len(slots) > 1)):
        return STILL_RUNNING
    return None


def _task(schedule: Schedule, kind: Kind[Any]) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "kind": schedule.kind,
        "queue": kind.queue,
        "priority": kind.priority,
        "trigger": "schedule",
        "status": "queued",
        "error": None,
        "payload": schedule.payload,
        "agent_id": schedule.agent_id,
        "schedule_id": schedule.id,
        "slot_at": None,
        "created_by": schedule.created_by,
        "finished_at": None,
    }


def _next(timing: Timing, after: datetime, values: Mapping[str, Any]) -> datetime | None:
    """The first slot behind a moment, not before the pause is over and not behind the end."""
    begin = max(after, (values.get("paused_until") or after) - SECOND)
    slot = next_slot(timing, begin)
    ends_at = values.get("ends_at")
    return None if slot is None or (ends_at and slot > ends_at) else slot


def _timing(values: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"cron": None, "every_seconds": None, "run_at": None, "time_zone": "UTC"}
    return empty | {name: values[name] for name in TIMING if values.get(name) is not None}


def _columns(schedule: Schedule) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in WHEN}


def _when(columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns that say when it runs; a pause that is over is none."""
    paused = columns["paused_until"]
    found = {name: columns[name] for name in WHEN}
    return {**found, "paused_until": paused if paused and paused > now else None}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _told(value) for name, value in values.items()}


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
