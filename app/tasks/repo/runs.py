"""Running tasks, as the worker sees them: every write names the attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import case, func, insert, literal, select, text, update
from sqlalchemy.orm import Session

from app.agents.models import Agent
from app.auth.models import User
from app.db.base import db
from app.db.queue import EVENTS, Call
from app.db.tables import LIVE, Task, TaskEvent
from app.orgs.models import OrgMember
from app.tasks.repo.tasks import Event
from app.threads.models import Thread

CLAIM = "SELECT * FROM claim_tasks(%s, %s, %s, %s, %s, %s)"
"""Take tasks; for psycopg, on the dispatcher's own connection."""
_SETTLE = text(
    "SELECT settle_task(:task, :attempt, :status, :outcome, CAST(:result AS jsonb), :error, :retry_in)"
)
_DROPPED = text("SELECT * FROM dropped_tasks(:worker, :held)")
_STALLED = text("SELECT * FROM lost_tasks(:age, :limit)")


@dataclass(frozen=True)
class Claim:
    """A task that is this worker's: `role` is what its creator holds now, `failures` and `losses` those before."""

    org_id: UUID
    task_id: UUID
    kind: str
    attempt: int
    failures: int = 0
    losses: int = 0
    payload: Mapping[str, Any] | None = None
    trigger: str = "system"
    user_id: UUID | None = None
    actor: str | None = None
    role: str | None = None
    agent_deleted: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class Standing:
    """Whether a task may go on: who asked for it, the role that person holds now, and whether it is still wanted.

    Nobody wants what is written into a deleted thread.
    """

    trigger: str
    role: str | None
    agent_deleted: bool
    cancelled: bool


@dataclass(frozen=True)
class Ending:
    """How an attempt ended and what becomes of the task; with `retry_in` it is queued again after that time.

    `settled` ones are written down already.
    """

    outcome: str
    status: str
    result: Mapping[str, Any] | None = None
    error: str | None = None
    retry_in: timedelta | None = None
    settled: bool = False


WAITING = Ending("succeeded", "waiting", settled=True)
"""The attempt did what it could; the task goes on once somebody has decided."""


class RunRepo:
    """Running tasks of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def standing(self, org_id: UUID, task_id: UUID, attempt: int) -> Standing | None:
        """What the task stands on at this moment; None if the attempt is no longer the current one."""
        statement = (
            select(
                Task.trigger,
                case((User.disabled_at.is_(None), OrgMember.role)),
                Agent.deleted_at.is_not(None) & Task.agent_id.is_not(None),
                Task.cancel_requested_at.is_not(None) | Thread.deleted_at.is_not(None),
            )
            .select_from(Task)
            .outerjoin(OrgMember, (OrgMember.org_id == Task.org_id) & (OrgMember.user_id == Task.created_by))
            .outerjoin(User, User.id == Task.created_by)
            .outerjoin(Agent, (Agent.org_id == Task.org_id) & (Agent.id == Task.agent_id))
            .outerjoin(Thread, (Thread.org_id == Task.org_id) & (Thread.id == Task.thread_id))
            .where(*_current(org_id, task_id, attempt))
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else Standing(*row)

    def hold(self, org_id: UUID, task_id: UUID, attempt: int, progress: Mapping[str, Any] | None) -> bool:
        """Keep the task from others until the transaction ends; False if the attempt is no longer the current one."""
        values = {"updated_at": func.now()} | ({} if progress is None else {"progress": dict(progress)})
        statement = update(Task).where(*_current(org_id, task_id, attempt)).values(**values)
        done = self._session.execute(
            statement.returning(Task.id), execution_options={"synchronize_session": False}
        )
        return done.one_or_none() is not None

    def settle(self, task_id: UUID, attempt: int, ending: Ending) -> bool:
        """End the attempt, in the organisation of the scope; False if it is no longer the current one."""
        found = self._session.scalar(
            _SETTLE,
            {
                "task": task_id,
                "attempt": attempt,
                "status": ending.status,
                "outcome": ending.outcome,
                "result": None if ending.result is None else orjson.dumps(ending.result).decode(),
                "error": ending.error,
                "retry_in": ending.retry_in,
            },
        )
        return bool(found)

    def wait(self, org_id: UUID, task_id: UUID, attempt: int) -> bool:
        """End the attempt well and have the task wait; False if the attempt is no longer the current one."""
        settled = self.settle(task_id, attempt, WAITING)
        self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id == task_id, Task.status == "waiting")
            .values(finished_at=None)
            .execution_options(synchronize_session=False)
        )
        return settled

    def stalled(self, age: timedelta, limit: int) -> list[Claim]:
        """Tasks of every organisation whose worker gave no sign of life for so long."""
        rows = self._session.execute(_STALLED, {"age": age, "limit": limit}).mappings()
        return [Claim(**row) for row in rows]

    def dropped(self, worker_id: UUID, held: Sequence[UUID]) -> list[Claim]:
        """Tasks of every organisation that a worker took a while ago and does not hold.

        The answer never reached it, or their end could not be written down.
        """
        rows = self._session.execute(_DROPPED, {"worker": worker_id, "held": list(held)}).mappings()
        return [Claim(**row) for row in rows]

    def counted(self, org_id: UUID, claim: Claim) -> Claim:
        """The same, with what was lost before and whether the task is to be cancelled."""
        current = _current(org_id, claim.task_id, claim.attempt)
        found = select(Task.losses, Task.cancel_requested_at.is_not(None)).where(*current)
        row = self._session.execute(found).one_or_none()
        return claim if row is None else replace(claim, losses=row[0], cancelled=row[1])

    def step(self, org_id: UUID, task_id: UUID, name: str) -> Event | None:
        """The note that a step is done."""
        columns = [getattr(TaskEvent, field) for field in Event.__dataclass_fields__]
        statement = select(*columns).where(
            TaskEvent.org_id == org_id,
            TaskEvent.task_id == task_id,
            TaskEvent.kind == "step",
            TaskEvent.data["name"].astext == name,
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else Event(*row)

    def asked(self, org_id: UUID, task_id: UUID) -> tuple[str, Mapping[str, Any]]:
        """What a task is to do: its kind and its input."""
        statement = select(Task.kind, Task.payload).where(Task.org_id == org_id, Task.id == task_id)
        kind, payload = self._session.execute(statement).one()
        return kind, payload

    def note(
        self, org_id: UUID, task_id: UUID, attempt: int, entries: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> int:
        """Add kinds and data to what the task, which is held, has said; the number of the last entry."""
        last = select(func.coalesce(func.max(TaskEvent.seq), 0)).where(
            TaskEvent.org_id == org_id, TaskEvent.task_id == task_id
        )
        first = self._session.scalar(last) or 0
        rows = [
            {"org_id": org_id, "task_id": task_id, "seq": seq, "attempt": attempt, "kind": kind, "data": data}
            for seq, (kind, data) in enumerate(entries, first + 1)
        ]
        self._session.execute(insert(TaskEvent), rows)
        return first + len(rows)

    def wake(
        self, task_id: UUID, last: int = 0, entries: Sequence[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        """Call those who follow the task once the transaction is committed, with its entries up to number `last`."""
        call = Call(str(task_id), last - len(entries) + 1, entries) if entries else Call(str(task_id))
        self._session.execute(select(func.pg_notify(EVENTS, call.text())))

    def live(self, org_id: UUID, schedule_id: UUID) -> bool:
        """Whether a task of the schedule has not ended yet."""
        found = select(literal(1)).where(
            Task.org_id == org_id, Task.schedule_id == schedule_id, Task.status.in_(LIVE)
        )
        return bool(self._session.scalar(select(found.exists())))


def _current(org_id: UUID, task_id: UUID, attempt: int) -> tuple[Any, ...]:
    return (Task.org_id == org_id, Task.id == task_id, Task.attempt == attempt, Task.status == "running")
