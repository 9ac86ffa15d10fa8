"""Tasks of an organisation: the list, one task with all it left, and what moves a task from one status to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, case, false, func, select, union_all, update
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion
from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.queue import cancel_tasks
from app.db.tables import Task, TaskAttempt, TaskEvent
from app.orgs.repo.members import FULL_NAME
from app.tasks.models import Schedule
from app.threads.models import Thread
from app.threads.repo.threads import Viewer, visible_to
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

ERROR_LENGTH = 300
AGAIN = ("failed", "cancelled", "expired")
"""The statuses from which a task can be queued anew."""

_LISTED: dict[str, Any] = {
    "id": Task.id,
    "kind": Task.kind,
    "status": Task.status,
    "trigger": Task.trigger,
    "progress": Task.progress,
    "attempt": Task.attempt,
    "cancel_requested_at": Task.cancel_requested_at,
    "schedule_id": Task.schedule_id,
    "schedule": Schedule.name,
    "slot_at": Task.slot_at,
    "thread_id": Task.thread_id,
    "agent_id": Task.agent_id,
    "agent": Agent.name,
    "created_by": FULL_NAME,
    "created_at": Task.created_at,
    "available_at": Task.available_at,
    "started_at": Task.started_at,
    "finished_at": Task.finished_at,
}


@dataclass(frozen=True)
class TaskRow:
    """A task in a list; `schedule`, `agent` and `created_by` are names.

    `error` is the beginning of its error; none of a task about a thread that the viewer does not see.
    """

    id: UUID
    kind: str
    status: str
    trigger: str
    error: str | None
    progress: dict[str, Any] | None
    attempt: int
    cancel_requested_at: datetime | None
    schedule_id: UUID | None
    schedule: str | None
    slot_at: datetime | None
    thread_id: UUID | None
    agent_id: UUID | None
    agent: str | None
    created_by: str | None
    created_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Attempt:
    """One try: who, from when to when, and how it ended; `outcome` is None while it lasts."""

    attempt: int
    worker_id: UUID
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True)
class Event:
    """What a task said: `kind` is log or step."""

    seq: int
    attempt: int
    kind: str
    data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class ShownTask:
    """A task with the agent it is about: its name, whether it is deleted, the version the task was queued with.

    `private` if it is about a thread that the viewer does not see, or one that is gone.
    """

    task: Task
    agent: str | None
    agent_deleted: bool
    version: int | None
    private: bool


class TasksRepo:
    """Tasks of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, viewer: Viewer, state: ListState) -> Page[TaskRow]:
        """The rows of a list page; two statements."""
        statement = _named(org_id, viewer).where(
            *searched(state, _told(viewer), Schedule.name, Agent.name),
            *chosen(state, "status", Task.status),
            *chosen(state, "kind", Task.kind),
            *chosen(state, "trigger", Task.trigger),
            *within(state, "created", Task.created_at),
        )
        order = Order(Task.created_at.expression, Task.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _task_row)

    def some(self, org_id: UUID, viewer: Viewer, ids: Sequence[UUID]) -> list[TaskRow]:
        """Those of these tasks that are there, in no order."""
        found = self._session.execute(_named(org_id, viewer).where(Task.id.in_(ids)))
        return [_task_row(row) for row in found]

    def of_schedule(self, org_id: UUID, viewer: Viewer, schedule_id: UUID, limit: int) -> list[TaskRow]:
        """The newest tasks of a schedule, by when they were due; those that a person began count as due then."""
        of_it = select(Task.id).where(Task.org_id == org_id, Task.schedule_id == schedule_id)
        due = of_it.where(Task.slot_at.is_not(None)).order_by(Task.slot_at.desc()).limit(limit)
        begun = of_it.where(Task.slot_at.is_(None)).order_by(Task.created_at.desc()).limit(limit)
        newest = union_all(due.subquery().select(), begun.subquery().select())
        moment = func.coalesce(Task.slot_at, Task.created_at)
        statement = _named(org_id, viewer).where(Task.id.in_(newest))
        rows = self._session.execute(statement.order_by(moment.desc(), Task.id.desc()).limit(limit))
        return [_task_row(row) for row in rows]

    def get(self, org_id: UUID, task_id: UUID) -> Task | None:
        """A task as it is stored now."""
        statement = select(Task).where(Task.org_id == org_id, Task.id == task_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def with_agent(self, org_id: UUID, viewer: Viewer, task_id: UUID) -> ShownTask | None:
        """A task as it is stored now, with the agent it is about."""
        agent = (Agent.name, Agent.deleted_at.is_not(None), AgentVersion.number)
        statement = (
            select(Task, *agent, _private(viewer))
            .outerjoin(Agent, (Agent.org_id == Task.org_id) & (Agent.id == Task.agent_id))
            .outerjoin(
                AgentVersion,
                (AgentVersion.org_id == Task.org_id) & (AgentVersion.id == Task.agent_version_id),
            )
            .outerjoin(Thread, (Thread.org_id == Task.org_id) & (Thread.id == Task.thread_id))
            .where(Task.org_id == org_id, Task.id == task_id)
        )
        row = self._session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
        return None if row is None else ShownTask(*row)

    def attempts(self, org_id: UUID, task_id: UUID) -> list[Attempt]:
        """Every try at a task, in order."""
        columns = [getattr(TaskAttempt, name) for name in Attempt.__dataclass_fields__]
        statement = select(*columns).where(TaskAttempt.org_id == org_id, TaskAttempt.task_id == task_id)
        return [Attempt(*row) for row in self._session.execute(statement.order_by(TaskAttempt.attempt))]

    def events(self, org_id: UUID, task_id: UUID, after: int = 0, limit: int = 200) -> list[Event]:
        """What a task said behind a number, the last `limit` of it, in order; not what it tells its followers."""
        columns = [getattr(TaskEvent, name) for name in Event.__dataclass_fields__]
        statement = select(*columns).where(
            TaskEvent.org_id == org_id,
            TaskEvent.task_id == task_id,
            TaskEvent.seq > after,
            TaskEvent.kind.in_(("log", "step")),
        )
        rows = self._session.execute(statement.order_by(TaskEvent.seq.desc()).limit(limit)).all()
        return [Event(*row) for row in reversed(rows)]

    def running(self, org_id: UUID) -> int:
        """How many tasks run at this moment."""
        found = select(func.count()).where(Task.org_id == org_id, Task.status == "running")
        return self._session.scalar(found) or 0

    def kinds(self, org_id: UUID, limit: int) -> Sequence[str]:
        """The kinds that occur, for the filter."""
        statement = select(Task.kind).where(Task.org_id == org_id).distinct().order_by(Task.kind).limit(limit)
        return self._session.scalars(statement).all()

    def heads(self, org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Id, kind, status and payload of those of these tasks that exist, oldest first."""
        return self._session.execute(_heads(org_id, ids)).all()

    def lock(self, org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Begin a change of these tasks: what `heads` says of them, which stays so until the transaction ends."""
        return self._session.execute(_heads(org_id, ids).with_for_update()).all()

    def cancel(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """End those that wait, and ask those that run to stop at their next step."""
        cancel_tasks(org_id, ids)

    def again(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """Queue ended tasks anew; finished steps stay finished."""
        self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id.in_(ids), Task.status.in_(AGAIN))
            .values(
                status="queued",
                failures=0,
                losses=0,
                error=None,
                finished_at=None,
                cancel_requested_at=None,
                told_at=None,
                available_at=func.now(),
                delivery_id=func.deliver_task(Task.id, Task.queue, Task.priority, None, None),
            )
        )

    def resume(self, org_id: UUID, task_id: UUID) -> bool:
        """Queue a task that waits; False if it does not."""
        done = self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id == task_id, Task.status == "waiting")
            .values(
                status="queued",
                failures=0,
                losses=0,
                available_at=func.now(),
                updated_at=func.now(),
                delivery_id=func.deliver_task(Task.id, Task.queue, Task.priority, None, None),
            )
            .returning(Task.id)
            .execution_options(synchronize_session=False)
        )
        return done.one_or_none() is not None


def _heads(org_id: UUID, ids: Sequence[UUID]) -> Select[Any]:
    columns = (Task.id, Task.kind, Task.status, Task.payload)
    return select(*columns).where(Task.org_id == org_id, Task.id.in_(ids)).order_by(Task.id)


def _private(viewer: Viewer) -> ColumnElement[bool]:
    """Whether a task is about a thread that the viewer does not see, or that is gone, where its thread is joined."""
    about: ColumnElement[bool] = Task.thread_id.is_not(None) | Task.payload.has_key("thread_id")
    return about & ~func.coalesce(visible_to(viewer), false())


def _told(viewer: Viewer) -> ColumnElement[str | None]:
    """The error of a task that is not private: a model's provider may have written what it was asked into it."""
    return case((~_private(viewer), Task.error))


def _named(org_id: UUID, viewer: Viewer) -> Select[Any]:
    columns: list[Any] = [column.label(name) for name, column in _LISTED.items()]
    return (
        select(*columns, func.left(_told(viewer), ERROR_LENGTH).label("error"))
        .select_from(Task)
        .outerjoin(Thread, (Thread.org_id == Task.org_id) & (Thread.id == Task.thread_id))
        .outerjoin(Schedule, (Schedule.org_id == Task.org_id) & (Schedule.id == Task.schedule_id))
        .outerjoin(Agent, (Agent.org_id == Task.org_id) & (Agent.id == Task.agent_id))
        .outerjoin(User, User.id == Task.created_by)
        .where(Task.org_id == org_id)
    )


def _task_row(row: Row[Any]) -> TaskRow:
    return TaskRow(**{name: getattr(row, name) for name in TaskRow.__dataclass_fields__})
