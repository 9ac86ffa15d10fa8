"""Storing and reading rows beside the application: no policy binds these, no session of the application holds them."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import inspect, select

from app.db.base import Base
from tests.support.database import as_owner

Row = TypeVar("Row", bound=Base)


def save(row: Row) -> Row:
    """Store a row and return it as the database has it."""
    with as_owner() as session:
        session.add(row)
        session.flush()
        session.refresh(row)
    return row


def stored(row: Row) -> Row | None:
    """Return the row as it is stored now, None when it is gone."""
    with as_owner() as session:
        return session.get(type(row), inspect(row).identity)


def rows(model: type[Row], **values: Any) -> Sequence[Row]:
    """Return the stored rows with these values, oldest first."""
    with as_owner() as session:
        return session.scalars(select(model).filter_by(**values).order_by(model.id)).all()
