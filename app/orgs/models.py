"""Organisations and who belongs to them."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, one_of, tenant_key

ORG_ROLES = ("owner", "admin", "member", "viewer")


class Org(Identified, Stamped, Base):
    """A tenant. Its generations count changes of its agents and saved views; what is cached carries the count."""

    __tablename__ = "orgs"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 60", name="slug"),
    )

    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    agents_generation: Mapped[int] = mapped_column(BigInteger, server_default="0")
    views_generation: Mapped[int] = mapped_column(BigInteger, server_default="0")


class PlatformSettings(Base):
    """The one row about this instance; `/setup` locks it."""

    __tablename__ = "platform_settings"
    __table_args__ = (CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default="1")
    setup_token_hash: Mapped[bytes | None]
    claimed_at: Mapped[datetime | None]
    default_org_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("orgs.id", ondelete="SET NULL"))


class OrgMember(Identified, Tenant, Stamped, Base):
    """A membership."""

    __tablename__ = "org_members"
    __table_args__ = (tenant_key(), UniqueConstraint("org_id", "user_id"), one_of("role", ORG_ROLES))

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]


class Invitation(Identified, Tenant, Created, Base):
    """An offer to join, bound to an address and a role; the link's SHA-256 is all that is kept of it."""

    __tablename__ = "invitations"
    __table_args__ = (
        tenant_key(),
        one_of("role", ORG_ROLES),
        CheckConstraint("expires_at <= created_at + interval '7 days 1 minute'", name="expires_at"),
        Index(
            "invitations_org_id_email_pending_key",
            "org_id",
            "email",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        Index(None, "org_id", "created_at", "id"),
    )

    email: Mapped[str] = mapped_column(String(255))
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    invited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None]


class ApiKey(Identified, Tenant, Created, Base):
    """A program's key: SHA-256, first and last signs are kept, the key itself is shown once.

    One that `replaced_by` names a successor of works until it expires, so that programs can change over.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "replaced_by"], ["api_keys.org_id", "api_keys.id"], ondelete="SET NULL (replaced_by)"
        ),
        Index(None, "org_id", "created_at", "id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str]
    ending: Mapped[str | None]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    replaced_by: Mapped[uuid.UUID | None]


class SavedView(Identified, Tenant, Stamped, Base):
    """A state of a list under a name: private or shared; at most one opens the list for its person."""

    __tablename__ = "saved_views"
    __table_args__ = (
        tenant_key(),
        Index(None, "org_id", "list"),
        Index(
            "saved_views_org_id_user_id_list_default_key",
            "org_id",
            "user_id",
            "list",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    list: Mapped[str]
    name: Mapped[str] = mapped_column(String(80))
    params: Mapped[Any] = mapped_column(JSONB)
    shared: Mapped[bool] = mapped_column(server_default="false")
    is_default: Mapped[bool] = mapped_column(server_default="false")


PERIODS = ("day", "month")


class SpendLimit(Identified, Tenant, Stamped, Base):
    """What answers may cost in a period of UTC: of the whole organisation, or of one key.

    Amounts are millionths of the currency. `spent_micros` counts since `period_start`, `reserved_micros` is held for
    calls of models that have not ended, whenever they began.
    """

    __tablename__ = "spend_limits"
    __table_args__ = (
        tenant_key(),
        one_of("period", PERIODS),
        CheckConstraint("limit_micros >= 0 AND spent_micros >= 0 AND reserved_micros >= 0", name="amounts"),
        ForeignKeyConstraint(
            ["org_id", "api_key_id"], ["api_keys.org_id", "api_keys.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("org_id", "api_key_id", postgresql_nulls_not_distinct=True),
    )

    api_key_id: Mapped[uuid.UUID | None]
    period: Mapped[str]
    limit_micros: Mapped[int] = mapped_column(BigInteger)
    spent_micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    reserved_micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    period_start: Mapped[datetime]


class SpendReservation(Identified, Tenant, Created, Base):
    """What is held of limits for one call of a model; whoever deletes the row settles it or gives it back."""

    __tablename__ = "spend_reservations"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["org_id", "task_id"], ["tasks.org_id", "tasks.id"], ondelete="CASCADE"),
        Index(None, "org_id", "task_id"),
    )

    task_id: Mapped[uuid.UUID]
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    limit_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
