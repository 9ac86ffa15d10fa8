"""Calls of tools that people try, as tasks of the worker."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.tables import LIVE, Task


@dataclass(frozen=True)
class CallRow:
    """A task that calls a tool; `error` says why it ended other than well."""

    id: UUID
    status: str
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    cancel_requested_at: datetime | None
    started_at: datetime | None

    @property
    def live(self) -> bool:
        """Whether it has not ended yet."""
        return self.status in LIVE


class CallsRepo:
    """Calls of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def get(self, org_id: UUID, user_id: UUID, kind: str, task_id: UUID) -> CallRow | None:
        """A call that this person asked for, as it is stored now."""
        columns = [getattr(Task, name) for name in CallRow.__dataclass_fields__]
        statement = select(*columns).where(
            Task.org_id == org_id, Task.created_by == user_id, Task.kind == kind, Task.id == task_id
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else CallRow(*row)
