"""The audit log."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified


class AuditEvent(Identified, Created, Base):
    """One change: who, where from, what, and the values before and after. Rows are never updated."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "org_id", "created_at", "id"),
        Index(None, "org_id", "target_type", "target_id"),
        Index(None, "actor_id", "created_at"),
    )
    # Nobody may read back what an anonymous request wrote.
    __mapper_args__ = {"eager_defaults": False}

    org_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    actor_id: Mapped[uuid.UUID | None]
    actor_label: Mapped[str]
    action: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[uuid.UUID | None]
    target_label: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    address: Mapped[str | None]
    request_id: Mapped[str | None]
