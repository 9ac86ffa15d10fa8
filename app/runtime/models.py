"""What the runtime stores beside tasks and messages: calls of tools that wait, or waited, for a person."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Tenant, one_of, tenant_key

STATUSES = ("pending", "approved", "rejected", "expired", "cancelled")
_PENDING = text("status = 'pending'")


class ToolApproval(Identified, Tenant, Created, Base):
    """A call that an agent wants to make and a person has to allow.

    `call_id` is that of the call's part in the message, `note` says why a person is asked, `reason` what the person
    said. A decision is final.
    """

    __tablename__ = "tool_approvals"
    __table_args__ = (
        tenant_key(),
        one_of("status", STATUSES),
        ForeignKeyConstraint(
            ["org_id", "task_id"], ["tasks.org_id", "tasks.id"], ondelete="SET NULL (task_id)"
        ),
        ForeignKeyConstraint(
            ["org_id", "message_id"], ["messages.org_id", "messages.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["org_id", "thread_id"], ["threads.org_id", "threads.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="SET NULL (agent_id)"
        ),
        UniqueConstraint("org_id", "task_id", "call_id"),
        Index(None, "org_id", "message_id"),
        Index(None, "org_id", "thread_id"),
        Index(None, "org_id", "agent_id"),
        Index(None, "org_id", "created_at", "id"),
        Index("tool_approvals_pending_idx", "org_id", "created_at", "id", postgresql_where=_PENDING),
        Index("tool_approvals_due_idx", "expires_at", postgresql_where=_PENDING),
    )

    task_id: Mapped[uuid.UUID | None]
    message_id: Mapped[uuid.UUID]
    thread_id: Mapped[uuid.UUID]
    agent_id: Mapped[uuid.UUID | None]
    call_id: Mapped[str] = mapped_column(String(255))
    tool: Mapped[str] = mapped_column(String(255))
    tool_id: Mapped[uuid.UUID | None]
    arguments: Mapped[dict[str, Any]]
    note: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="pending")
    decided_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    expires_at: Mapped[datetime]
