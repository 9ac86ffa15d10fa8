"""Tables that any domain writes: mail to send, answered requests, stored files, and the workers' heartbeats."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Tenant, tenant_key
from app.db.sealed import Sealed


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
