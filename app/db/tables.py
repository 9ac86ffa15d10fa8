"""Tables that any domain writes: mail, tasks, answered requests, stored files, and the workers' heartbeats."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, one_of, tenant_key
from app.db.sealed import Sealed

LIVE = ("queued", "running", "waiting")
ENDED = ("succeeded", "failed", "cancelled", "expired", "skipped")
OUTCOMES = ("succeeded", "failed", "lost", "late", "cancelled", "refused", "returned")
TRIGGERS = ("person", "schedule", "program", "system")


class EmailOutbox(Identified, Created, Base):
    """A message to send, written in the transaction that causes it; the sealed context is wiped once it is sent."""

    __tablename__ = "email_outbox"
    __table_args__ = (
        Index(
            "email_outbox_next_attempt_at_idx",
            "next_attempt_at",
            postgresql_where=text("sent_at IS NULL AND failed_at IS NULL"),
        ),
        Index("email_outbox_org_id_created_at_idx", "org_id", "created_at"),
    )

    org_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    recipient: Mapped[str]
    template: Mapped[str]
    subject: Mapped[str]
    context: Mapped[str | None] = mapped_column(Sealed)
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]


class Task(Identified, Tenant, Stamped, Base):
    """One execution of a kind of work, and the truth about it; procrastinate's row `delivery_id` only carries it.

    `agent_version_id` is the version of the agent that was published when the task was queued, if one was.
    `attempt` is the fence: whoever writes for a running task names the attempt it belongs to. `failures` counts the
    attempts that failed or ran too long, `losses` those whose worker ended under them.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        tenant_key(),
        one_of("status", LIVE + ENDED),
        one_of("trigger", TRIGGERS),
        ForeignKeyConstraint(
            ["org_id", "schedule_id"],
            ["schedules.org_id", "schedules.id"],
            ondelete="SET NULL (schedule_id)",
        ),
        ForeignKeyConstraint(
            ["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="SET NULL (agent_id)"
        ),
        ForeignKeyConstraint(
            ["org_id", "thread_id"], ["threads.org_id", "threads.id"], ondelete="SET NULL (thread_id)"
        ),
        ForeignKeyConstraint(
            ["org_id", "agent_version_id"],
            ["agent_versions.org_id", "agent_versions.id"],
            ondelete="SET NULL (agent_version_id)",
        ),
        UniqueConstraint("org_id", "schedule_id", "slot_at"),
        Index(None, "org_id", "created_at", "id"),
        Index(None, "org_id", "agent_id"),
        Index(None, "org_id", "agent_version_id"),
        Index(None, "org_id", "thread_id"),
        Index(
            "tasks_live_idx",
            "org_id",
            "status",
            postgresql_where=text("status IN ('queued', 'running', 'waiting')"),
        ),
        Index(
            "tasks_to_tell_idx",
            "finished_at",
            postgresql_where=text("status IN ('failed', 'expired') AND told_at IS NULL"),
        ),
    )

    kind: Mapped[str]
    queue: Mapped[str] = mapped_column(server_default="default")
    priority: Mapped[int] = mapped_column(server_default="0")
    trigger: Mapped[str] = mapped_column(server_default="person")
    status: Mapped[str] = mapped_column(server_default="queued")
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None]
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    attempt: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    losses: Mapped[int] = mapped_column(server_default="0")
    cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cancel_requested_at: Mapped[datetime | None]
    schedule_id: Mapped[uuid.UUID | None]
    slot_at: Mapped[datetime | None]
    agent_id: Mapped[uuid.UUID | None]
    agent_version_id: Mapped[uuid.UUID | None]
    thread_id: Mapped[uuid.UUID | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    delivery_id: Mapped[int | None] = mapped_column(BigInteger)
    worker_id: Mapped[uuid.UUID | None]
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]


class TaskAttempt(Identified, Tenant, Base):
    """One try at a task by one worker; `outcome` is empty while it lasts."""

    __tablename__ = "task_attempts"
    __table_args__ = (
        tenant_key(),
        one_of("outcome", OUTCOMES),
        ForeignKeyConstraint(["org_id", "task_id"], ["tasks.org_id", "tasks.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "task_id", "attempt"),
    )

    task_id: Mapped[uuid.UUID]
    attempt: Mapped[int]
    worker_id: Mapped[uuid.UUID]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error: Mapped[str | None]


class TaskEvent(Identified, Tenant, Created, Base):
    """What a task says while it runs, in order: log lines, and steps that are done and never repeated."""

    __tablename__ = "task_events"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["org_id", "task_id"], ["tasks.org_id", "tasks.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "task_id", "seq"),
    )

    task_id: Mapped[uuid.UUID]
    seq: Mapped[int]
    attempt: Mapped[int]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class WorkerProcess(Identified, Base):
    """A running worker; `seen_at` is its heartbeat."""

    __tablename__ = "workers"

    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Identified, Created, Base):
    """An answered creating request: the same key again gets the same answer for 24 hours.

    Each organisation has its own keys of a person; a form outside any has none. Programs are also given the body again.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("org_id", "user_id", "key", postgresql_nulls_not_distinct=True),
        Index(None, "expires_at"),
    )

    org_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str]
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    location: Mapped[str | None]
    body: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '24 hours'"))


class Blob(Identified, Tenant, Created, Base):
    """A stored file, kept once per organisation; its bytes are in `blob_parts`, written in the same transaction."""

    __tablename__ = "blobs"
    __table_args__ = (tenant_key(), UniqueConstraint("org_id", "sha256"))

    sha256: Mapped[bytes]
    media_type: Mapped[str]
    byte_size: Mapped[int] = mapped_column(BigInteger)


class BlobPart(Tenant, Base):
    """At most 1 MiB of a stored file."""

    __tablename__ = "blob_parts"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "blob_id"], ["blobs.org_id", "blobs.id"], ondelete="CASCADE"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True)
    blob_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
