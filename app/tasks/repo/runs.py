"""Running tasks, as the worker sees them: every write names the attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, insert, literal, select, text
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.tables import LIVE, Task, TaskEvent
from app.tasks.repo.tasks import Event

_SETTLE = text(
    "SELECT settle_task(:task, :attempt, :status, :outcome, CAST(:result AS jsonb), :error, :retry_at)"
)


@dataclass(frozen=True)
class Ending:
    """How an attempt ended and what becomes of the task; with `retry_at` it is queued again."""

    outcome: str
    status: str
    result: Mapping[str, Any] | None = None
    error: str | None = None
    retry_at: datetime | None = None


class RunRepo:
    """Running tasks of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def hold(self, org_id: UUID, task_id: UUID, attempt: int) -> Task | None:
        """The task, kept from others until the transaction ends; None if the attempt is no longer the current one."""
        statement = select(Task).where(
            Task.org_id == org_id, Task.id == task_id, Task.attempt == attempt, Task.status == "running"
        )
        return self._session.scalar(
            statement.with_for_update(), execution_options={"populate_existing": True}
        )

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
                "retry_at": ending.retry_at,
            },
        )
        return bool(found)

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

    def note(
        self, org_id: UUID, task_id: UUID, attempt: int, kind: str, entries: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add to what the task, which is held, has said."""
        last = select(func.coalesce(func.max(TaskEvent.seq), 0)).where(
            TaskEvent.org_id == org_id, TaskEvent.task_id == task_id
        )
        first = self._session.scalar(last) or 0
        rows = [
            {"org_id": org_id, "task_id": task_id, "seq": seq, "attempt": attempt, "kind": kind, "data": data}
            for seq, data in enumerate(entries, first + 1)
        ]
        self._session.execute(insert(TaskEvent), rows)

    def live(self, org_id: UUID, schedule_id: UUID) -> bool:
        """Whether a task of the schedule has not ended yet."""
        found = select(literal(1)).where(
            Task.org_id == org_id, Task.schedule_id == schedule_id, Task.status.in_(LIVE)
        )
        return bool(self._session.scalar(select(found.exists())))
