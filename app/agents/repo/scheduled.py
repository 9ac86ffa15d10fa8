"""The schedules that ask an agent; schedules themselves belong to the tasks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Row, Uuid, column, func, select, table
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Session

from app.db.base import db

_SCHEDULES = table(
    "schedules",
    column("id", Uuid()),
    column("org_id", Uuid()),
    column("agent_id", Uuid()),
    column("name"),
    column("enabled", Boolean()),
    column("next_run_at", TIMESTAMP(timezone=True)),
)


class ScheduledRepo:
    """Schedules about agents of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def of_agent(
        self, org_id: UUID, agent_id: UUID, limit: int
    ) -> Sequence[Row[UUID, str, bool, datetime | None]]:
        """Id, name, whether it is turned on, and its next run; the first to run first."""
        columns = _SCHEDULES.c
        return self._session.execute(
            select(columns.id, columns.name, columns.enabled, columns.next_run_at)
            .where(columns.org_id == org_id, columns.agent_id == agent_id)
            .order_by(columns.enabled.desc(), columns.next_run_at.nulls_last(), func.lower(columns.name))
            .limit(limit)
        ).all()
