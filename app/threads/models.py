"""Threads, their messages, and what people think of them.

The counters of a thread, and the side tables that searching reads, are kept by statement-level triggers (revision
0002), so nobody who writes messages can forget them.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, TenantPart, one_of, tenant_key

ORIGINS = ("console", "api", "import", "schedule", "playground")
SHARED_ORIGINS = ("api", "import", "schedule")
"""Threads that everyone in the organisation sees; the others are their person's, owners' and admins'."""
ROLES = ("user", "assistant", "system", "tool")
STATUSES = ("complete", "pending", "waiting", "stopped", "failed")

_LIVE = text("deleted_at IS NULL AND NOT archived")


def _list_index(*columns: str) -> Index:
    """An index that one order of the list of threads walks, and counts of what everyone sees."""
    return Index(None, "org_id", *columns, "id", postgresql_where=_LIVE)


def _in_thread() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id", "thread_id"], ["threads.org_id", "threads.id"], ondelete="CASCADE")


def _of_message() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["org_id", "message_id"], ["messages.org_id", "messages.id"], ondelete="CASCADE"
    )


class Thread(Identified, Tenant, Stamped, Base):
    """A series of messages. `user_id` is the member it belongs to, `external_user` the name of somebody outside.

    `revision` grows with every change of the row, and so with every change of its messages and feedback.
    """

    __tablename__ = "threads"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="SET NULL (agent_id)"
        ),
        ForeignKeyConstraint(
            ["org_id", "schedule_id"],
            ["schedules.org_id", "schedules.id"],
            ondelete="SET NULL (schedule_id)",
        ),
        one_of("origin", ORIGINS),
        Index(
            "threads_org_id_schedule_id_created_at_idx",
            "org_id",
            "schedule_id",
            "created_at",
            postgresql_where=text("schedule_id IS NOT NULL"),
        ),
        Index(
            "threads_user_id_created_at_idx",
            "user_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_include=["org_id", "archived", "deleted_at", "name"],
        ),
        Index(None, "org_id", "agent_id", "created_at"),
        Index(
            "threads_org_id_origin_external_id_key",
            "org_id",
            "origin",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(
            "threads_org_id_deleted_at_idx",
            "org_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        Index(
            "threads_org_id_archived_idx",
            "org_id",
            "last_message_at",
            "id",
            postgresql_where=text("archived AND deleted_at IS NULL"),
        ),
        _list_index("last_message_at"),
        _list_index("created_at"),
        _list_index("message_count"),
        _list_index("tokens"),
        _list_index("cost_micros"),
    )

    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    agent_id: Mapped[uuid.UUID | None]
    schedule_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(String(255))
    origin: Mapped[str]
    external_id: Mapped[str | None] = mapped_column(String(255))
    external_user: Mapped[str | None] = mapped_column(String(255))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    archived: Mapped[bool] = mapped_column(server_default="false")
    deleted_at: Mapped[datetime | None]
    message_count: Mapped[int] = mapped_column(server_default="0")
    error_count: Mapped[int] = mapped_column(server_default="0")
    up_count: Mapped[int] = mapped_column(server_default="0")
    down_count: Mapped[int] = mapped_column(server_default="0")
    tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_message_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revision: Mapped[int] = mapped_column(BigInteger, server_default="1")


class ThreadName(TenantPart, Base):
    """The searched form of a thread's name: its trigrams in lower case, and the organisation as one element."""

    __tablename__ = "thread_names"
    __table_args__ = (
        _in_thread(),
        Index(
            "threads_name_trigrams_gin_idx",
            "trigrams",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 512},
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    trigrams: Mapped[list[str]] = mapped_column(ARRAY(Text))


class ThreadCount(Tenant, Base):
    """A part of the number of live threads that everyone of an organisation sees, or of the others: their sum counts.

    Whoever writes threads adds to a part that nobody else is writing (revision 0038). A part may be below zero.
    """

    __tablename__ = "thread_counts"

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    shared: Mapped[bool]
    live: Mapped[int] = mapped_column(BigInteger)


class Message(Identified, TenantPart, Created, Base):
    """One utterance. `branch` 0 is the line people read; others begin after `parent_id`, which only their first has.

    An answer of a draft keeps in `draft` what that was at `drafted_at`, when the answer was begun.
    """

    __tablename__ = "messages"
    __table_args__ = (
        tenant_key(),
        _in_thread(),
        ForeignKeyConstraint(
            ["org_id", "parent_id"], ["messages.org_id", "messages.id"], ondelete="SET NULL (parent_id)"
        ),
        ForeignKeyConstraint(
            ["org_id", "agent_version_id"],
            ["agent_versions.org_id", "agent_versions.id"],
            ondelete="SET NULL (agent_version_id)",
        ),
        one_of("role", ROLES),
        one_of("status", STATUSES),
        Index("messages_thread_id_created_at_idx", "thread_id", "created_at", "id"),
        Index(None, "org_id", "created_at"),
        Index(None, "org_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index(None, "org_id", "agent_version_id", postgresql_where=text("agent_version_id IS NOT NULL")),
        Index(
            "messages_org_id_thread_id_external_id_key",
            "org_id",
            "thread_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )

    thread_id: Mapped[uuid.UUID]
    external_id: Mapped[str | None] = mapped_column(String(255))
    parent_id: Mapped[uuid.UUID | None]
    branch: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    role: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="complete")
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    text_content: Mapped[str] = mapped_column(server_default="")
    agent_version_id: Mapped[uuid.UUID | None]
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    drafted_at: Mapped[datetime | None]
    model: Mapped[str | None] = mapped_column(String(255))
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    latency_ms: Mapped[int | None]
    first_token_ms: Mapped[int | None]
    error: Mapped[str | None]


class MessageSearch(TenantPart, Base):
    """The searched form of a message.

    `tsv` holds its English lexemes and, without positions, its organisation and that with the week it was written in;
    `tiers` the organisation, and `word#k` for each word that occurs at least k = 2, 3, 4, 5, 8 or 16 times.
    """

    __tablename__ = "message_search"
    __table_args__ = (
        _of_message(),
        Index(
            "messages_text_content_gin_idx",
            "tsv",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 1024},
        ),
        Index(
            "message_search_tiers_gin_idx",
            "tiers",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 512},
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime]
    tsv: Mapped[str] = mapped_column(TSVECTOR)
    tiers: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Feedback(Identified, Tenant, Stamped, Base):
    """What a person, a member or somebody outside, thinks of a message: up (1) or down (-1), why, in their words.

    What a member thought stays, without the name, when the account is deleted.
    """

    __tablename__ = "feedback"
    __table_args__ = (
        tenant_key(),
        _in_thread(),
        _of_message(),
        CheckConstraint("rating IN (-1, 1)", name="rating"),
        CheckConstraint("user_id IS NULL OR external_user IS NULL", name="user_id"),
        Index(
            "feedback_message_id_user_id_key",
            "message_id",
            "user_id",
            unique=True,
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        Index(
            "feedback_message_id_external_user_key",
            "message_id",
            "external_user",
            unique=True,
            postgresql_where=text("external_user IS NOT NULL"),
        ),
        Index(None, "org_id", "message_id"),
        Index(None, "org_id", "thread_id"),
        Index(None, "org_id", "created_at", "id"),
    )

    thread_id: Mapped[uuid.UUID]
    message_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    external_user: Mapped[str | None] = mapped_column(String(255))
    rating: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str | None] = mapped_column(String(60))
    comment: Mapped[str | None]


class ThreadNote(Identified, Tenant, Created, Base):
    """What members write about a thread for each other."""

    __tablename__ = "thread_notes"
    __table_args__ = (tenant_key(), _in_thread(), Index(None, "org_id", "thread_id", "created_at"))

    thread_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    body: Mapped[str]


class MessageAttachment(Identified, Tenant, Created, Base):
    """A stored file that a message shows."""

    __tablename__ = "message_attachments"
    __table_args__ = (
        tenant_key(),
        _of_message(),
        ForeignKeyConstraint(["org_id", "blob_id"], ["blobs.org_id", "blobs.id"]),
        UniqueConstraint("message_id", "position"),
        Index(None, "org_id", "blob_id"),
    )

    message_id: Mapped[uuid.UUID]
    blob_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(String(255))
    position: Mapped[int]
