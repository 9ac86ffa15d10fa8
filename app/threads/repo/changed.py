"""Threads that are changed together: archived, restored, deleted, tagged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, Uuid, any_, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db.base import db
from app.threads.models import Thread
from app.threads.repo.threads import Viewer, visible_to

STATUS = case((Thread.deleted_at.is_not(None), "deleted"), (Thread.archived, "archived"), else_="live")
_FACTS = (Thread.id, Thread.name, Thread.tags, STATUS.label("status"))


class ThreadChangeRepo:
    """Changes of many threads of one organisation at once; each returns id, name, tags and status of those changed."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def lock(self, org_id: UUID, viewer: Viewer, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Begin a change of those threads that exist and that the viewer sees: as they are now, by id."""
        statement = (
            select(*_FACTS)
            .where(*_these(org_id, ids), visible_to(viewer))
            .order_by(Thread.id)
            .with_for_update()
        )
        return self._session.execute(statement).all()

    def set_archived(self, org_id: UUID, ids: Sequence[UUID], *, archived: bool) -> Sequence[Row[Any]]:
        """Archive or restore."""
        return self._set(org_id, ids, archived=archived)

    def set_deleted(self, org_id: UUID, ids: Sequence[UUID], *, deleted: bool) -> Sequence[Row[Any]]:
        """Delete (restorable) or bring back."""
        return self._set(org_id, ids, deleted_at=func.now() if deleted else None)

    def add_tag(self, org_id: UUID, ids: Sequence[UUID], tag: str) -> Sequence[Row[Any]]:
        """Put a tag behind the others."""
        return self._set(org_id, ids, tags=func.array_append(Thread.tags, literal(tag, Text)))

    def remove_tag(self, org_id: UUID, ids: Sequence[UUID], tag: str) -> Sequence[Row[Any]]:
        """Take a tag away."""
        return self._set(org_id, ids, tags=func.array_remove(Thread.tags, literal(tag, Text)))

    def erase(self, org_id: UUID, before: datetime, limit: int) -> Sequence[Row[UUID, str]]:
        """Delete some for good that were deleted before a moment, with all that belongs to them; ids and names."""
        due = select(Thread.id).where(Thread.org_id == org_id, Thread.deleted_at < before).limit(limit)
        statement = delete(Thread).where(Thread.org_id == org_id, Thread.id.in_(due))
        return self._session.execute(statement.returning(Thread.id, Thread.name)).all()

    def _set(self, org_id: UUID, ids: Sequence[UUID], **values: Any) -> Sequence[Row[Any]]:
        statement = (
            update(Thread)
            .where(*_these(org_id, ids))
            .values(**values)
            .returning(*_FACTS)
            .execution_options(synchronize_session=False)
        )
        return self._session.execute(statement).all()


def _these(org_id: UUID, ids: Sequence[UUID]) -> tuple[ColumnElement[bool], ...]:
    return (Thread.org_id == org_id, Thread.id == any_(literal(list(ids), ARRAY(Uuid))))
