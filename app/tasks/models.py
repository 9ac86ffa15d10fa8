"""Schedules."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Identified, Stamped, Tenant, one_of, tenant_key

CATCH_UP = ("all", "one", "skip")
OVERLAP = ("allow", "skip", "queue")


class Schedule(Identified, Tenant, Stamped, Base):
    """A template of tasks and when they run: by cron, every so many seconds since `starts_at`, or once.

    `next_run_at` is the next slot that is neither run nor passed over; nothing before it ever runs again.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        tenant_key(),
        CheckConstraint("num_nonnulls(cron, every_seconds, run_at) = 1", name="timing"),
        CheckConstraint("every_seconds >= 60", name="every_seconds"),
        one_of("catch_up", CATCH_UP),
        one_of("overlap", OVERLAP),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        Index(None, "org_id", "created_at", "id"),
        Index(None, "org_id", "agent_id"),
        Index("schedules_next_run_at_idx", "next_run_at", postgresql_where=text("enabled")),
    )

    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str]
    agent_id: Mapped[uuid.UUID | None]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    cron: Mapped[str | None]
    every_seconds: Mapped[int | None]
    run_at: Mapped[datetime | None]
    time_zone: Mapped[str] = mapped_column(server_default="UTC")
    catch_up: Mapped[str] = mapped_column(server_default="one")
    overlap: Mapped[str] = mapped_column(server_default="skip")
    enabled: Mapped[bool] = mapped_column(server_default="true")
    disabled_reason: Mapped[str | None]
    starts_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ends_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    next_run_at: Mapped[datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    lock_version: Mapped[int] = mapped_column(server_default="1")
