"""Schedules of an organisation, and the tasks their slots become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, bindparam, case, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion
from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.queue import published_version
from app.db.tables import LIVE, Task
from app.orgs.models import OrgMember
from app.orgs.repo.members import FULL_NAME
from app.tasks.models import Schedule
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

_DUE = text("SELECT org_id, schedule_id FROM due_schedules(:limit)")
_STATE = case(
    (~Schedule.enabled, "disabled"),
    (Schedule.next_run_at.is_(None), "ended"),
    (Schedule.paused_until > func.now(), "paused"),
    else_="active",
)
_SORTS: dict[str, Any] = {
    "name": func.lower(Schedule.name),
    "created": Schedule.created_at,
    "next": case((Schedule.enabled, Schedule.next_run_at)),
}
_LISTED: dict[str, Any] = {
    "id": Schedule.id,
    "name": Schedule.name,
    "kind": Schedule.kind,
    "state": _STATE,
    "cron": Schedule.cron,
    "every_seconds": Schedule.every_seconds,
    "run_at": Schedule.run_at,
    "time_zone": Schedule.time_zone,
    "disabled_reason": Schedule.disabled_reason,
    "paused_until": Schedule.paused_until,
    "next_run_at": Schedule.next_run_at,
    "agent": Agent.name,
    "created_by": FULL_NAME,
    "created_at": Schedule.created_at,
}


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule in a list: `state` is active, paused, ended or disabled; `agent` and `created_by` are names."""

    id: UUID
    name: str
    kind: str
    state: str
    cron: str | None
    every_seconds: int | None
    run_at: datetime | None
    time_zone: str
    disabled_reason: str | None
    paused_until: datetime | None
    next_run_at: datetime | None
    agent: str | None
    created_by: str | None
    created_at: datetime


@dataclass(frozen=True)
class Due:
    """A schedule whose next slot has come, held; `role` is what its creator holds now, `live` if a task goes on."""

    schedule: Schedule
    role: str | None
    live: bool
    now: datetime


@dataclass(frozen=True)
class ShownSchedule:
    """A schedule with the agent it is about: its name, whether it is deleted, and the version that is pinned."""

    schedule: Schedule
    agent: str | None
    agent_deleted: bool
    version: int | None


class ScheduleRepo:
    """Schedules of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[ScheduleRow]:
        """The rows of a list page; two statements."""
        statement = (
            select(*(column.label(name) for name, column in _LISTED.items()))
            .select_from(Schedule)
            .outerjoin(Agent, (Agent.org_id == Schedule.org_id) & (Agent.id == Schedule.agent_id))
            .outerjoin(User, User.id == Schedule.created_by)
            .where(
                Schedule.org_id == org_id,
                *searched(state, Schedule.name, Agent.name),
                *chosen(state, "state", _STATE),
                *chosen(state, "kind", Schedule.kind),
                *within(state, "created", Schedule.created_at),
            )
        )
        nullable = state.sort_key == "next"
        order = Order(_SORTS[state.sort_key], Schedule.id.expression, state.descending, nullable)
        return paginate(self._session, statement, order, state.request, _schedule_row)

    def get(self, org_id: UUID, schedule_id: UUID) -> Schedule | None:
        """A schedule as it is stored now."""
        statement = select(Schedule).where(Schedule.org_id == org_id, Schedule.id == schedule_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def with_agent(self, org_id: UUID, schedule_id: UUID) -> ShownSchedule | None:
        """A schedule as it is stored now, with the agent it is about."""
        pinned = cast(AgentVersion.id, Text) == Schedule.payload["version_id"].astext
        statement = (
            select(Schedule, Agent.name, Agent.deleted_at.is_not(None), AgentVersion.number)
            .outerjoin(Agent, (Agent.org_id == Schedule.org_id) & (Agent.id == Schedule.agent_id))
            .outerjoin(AgentVersion, (AgentVersion.agent_id == Agent.id) & pinned)
            .where(Schedule.org_id == org_id, Schedule.id == schedule_id)
        )
        row = self._session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
        return None if row is None else ShownSchedule(*row)

    def to_come(self, org_id: UUID, before: datetime, limit: int) -> Sequence[Schedule]:
        """Schedules that run next before a moment, the first ones first."""
        statement = select(Schedule).where(
            Schedule.org_id == org_id, Schedule.enabled, Schedule.next_run_at < before
        )
        return self._session.scalars(statement.order_by(Schedule.next_run_at, Schedule.id).limit(limit)).all()

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> Schedule:
        """Store a new schedule."""
        schedule = Schedule(org_id=org_id, **values)
        self._session.add(schedule)
        self._session.flush()
        return schedule

    def change(
        self, org_id: UUID, schedule_id: UUID, lock_version: int, values: Mapping[str, Any]
    ) -> Schedule | None:
        """Set `values` if nobody changed the schedule since `lock_version`; None otherwise."""
        statement = (
            update(Schedule)
            .where(
                Schedule.org_id == org_id, Schedule.id == schedule_id, Schedule.lock_version == lock_version
            )
            .values(**values, lock_version=Schedule.lock_version + 1)
            .returning(Schedule)
        )
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def lock(self, org_id: UUID, schedule_id: UUID) -> Schedule | None:
        """Begin a change of a schedule: no slot of it becomes a task until the transaction ends."""
        statement = select(Schedule).where(Schedule.org_id == org_id, Schedule.id == schedule_id)
        return self._session.scalar(
            statement.with_for_update(), execution_options={"populate_existing": True}
        )

    def remove(self, org_id: UUID, schedule_id: UUID) -> None:
        """Delete a schedule; its tasks stay."""
        self._session.execute(delete(Schedule).where(Schedule.org_id == org_id, Schedule.id == schedule_id))

    def now(self) -> datetime:
        """The time by which slots are due: the database's, one for all machines."""
        return self._session.execute(select(func.now())).scalar_one()

    def all_due(self, limit: int) -> Sequence[Row[Any]]:
        """Organisation and id of schedules whose next slot has come, in every organisation."""
        return self._session.execute(_DUE, {"limit": limit}).all()

    def take_due(self, org_id: UUID, ids: Sequence[UUID]) -> list[Due]:
        """Those of the schedules that are still due and that nobody else holds, held until the transaction ends."""
        live = select(Task.id).where(
            Task.org_id == Schedule.org_id, Task.schedule_id == Schedule.id, Task.status.in_(LIVE)
        )
        statement = (
            select(Schedule, case((User.disabled_at.is_(None), OrgMember.role)), live.exists(), func.now())
            .outerjoin(User, User.id == Schedule.created_by)
            .outerjoin(
                OrgMember,
                (OrgMember.org_id == Schedule.org_id) & (OrgMember.user_id == Schedule.created_by),
            )
            .where(
                Schedule.org_id == org_id,
                Schedule.id.in_(ids),
                Schedule.enabled,
                Schedule.next_run_at <= func.now(),
            )
            .with_for_update(of=Schedule, skip_locked=True)
        )
        rows = self._session.execute(statement, execution_options={"populate_existing": True})
        return [Due(*row) for row in rows]

    def add_tasks(self, org_id: UUID, rows: Sequence[Mapping[str, Any]], in_turn: Sequence[UUID]) -> None:
        """Store a task for each slot that has none, and have those that wait delivered.

        Tasks of the schedules `in_turn` run one after the other.
        """
        statement = (
            insert(Task)
            .on_conflict_do_nothing(index_elements=["org_id", "schedule_id", "slot_at"])
            .returning(Task.id)
        )
        added = self._session.scalars(statement, [{**row, "org_id": org_id} for row in rows]).all()
        turn = case((Task.schedule_id.in_(in_turn), cast(Task.schedule_id, Text)))
        self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id.in_(added), Task.status == "queued")
            .values(
                delivery_id=func.deliver_task(Task.id, Task.queue, Task.priority, None, turn),
                agent_version_id=published_version(Task.org_id, Task.agent_id),
            )
            .execution_options(synchronize_session=False)
        )

    def advance(self, org_id: UUID, slots: Mapping[UUID, datetime | None]) -> None:
        """Set the next slot of schedules that are held; None ends them."""
        statement = (
            update(Schedule)
            .where(Schedule.org_id == org_id, Schedule.id == bindparam("of"))
            .values(next_run_at=bindparam("slot"))
        )
        rows = [{"of": schedule_id, "slot": slot} for schedule_id, slot in slots.items()]
        if rows:
            self._session.connection().execute(statement, rows)

    def disable(self, org_id: UUID, schedule_id: UUID, reason: str) -> None:
        """Turn a schedule off and keep why."""
        self._session.execute(
            update(Schedule)
            .where(Schedule.org_id == org_id, Schedule.id == schedule_id)
            .values(enabled=False, disabled_reason=reason, lock_version=Schedule.lock_version + 1)
        )


def _schedule_row(row: Row[Any]) -> ScheduleRow:
    return ScheduleRow(**{name: getattr(row, name) for name in ScheduleRow.__dataclass_fields__})
