"""Columns that many tables share."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem
from uuid_utils.compat import uuid7


class Identified:
    """A time-ordered key (UUID version 7, RFC 9562), made here so that a row's id is known before it is written."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-10)


class Created:
    """The moment the row's transaction began."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=90)


class Stamped(Created):
    """Rows that change also keep the moment of their last change."""

    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=91
    )


class Tenant:
    """A row that belongs to one organisation and goes with it."""

    @declared_attr
    @classmethod
    def org_id(cls) -> Mapped[uuid.UUID]:
        """The organisation; first in every key and index of a tenant table."""
        return mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"), sort_order=-9)


class TenantPart(Tenant):
    """A row that goes with another row of its organisation, by a key that has the organisation in it."""

    @declared_attr
    @classmethod
    def org_id(cls) -> Mapped[uuid.UUID]:
        """The organisation, without a key of its own: each key that is looked up makes an insert dearer."""
        return mapped_column(sort_order=-9)


def tenant_key() -> UniqueConstraint:
    """The key that composite foreign keys `(org_id, x_id)` of other tenant tables refer to."""
    return UniqueConstraint("org_id", "id")


def one_of(column: str, values: tuple[str, ...]) -> SchemaItem:
    """A check that `column` holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
