"""Threads that are changed together: archived, restored, deleted, tagged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, Uuid, any_, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.blobs import remove_blobs, unused
from app.db.tables import Blob, Task, TaskEvent
from app.threads.models import Message, MessageAttachment, Thread
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
        """Delete some for good that were deleted before a moment, with all that was said in them; ids and names.

        Their runs stay, without it; files that nothing else shows go too.
        """
        due = select(Thread.id).where(Thread.org_id == org_id, Thread.deleted_at < before).limit(limit)
        ids = self._session.scalars(due.with_for_update()).all()
        in_thread = (Message.org_id == MessageAttachment.org_id) & (
            Message.id == MessageAttachment.message_id
        )
        shown = select(MessageAttachment.blob_id).join(Message, in_thread).distinct()
        theirs = (Message.org_id == org_id, Message.thread_id == any_(literal(list(ids), ARRAY(Uuid))))
        files = self._session.scalars(shown.where(*theirs)).all()
        self._empty_runs(org_id, ids)
        erased = self._session.execute(
            delete(Thread).where(*_these(org_id, ids)).returning(Thread.id, Thread.name)
        ).all()
        remove_blobs(self._session, org_id, Blob.id == any_(literal(list(files), ARRAY(Uuid))), unused())
        return erased

    def _empty_runs(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """Take from the runs of threads what they told, and what the variables of prompts were filled with."""
        of_threads = (Task.org_id == org_id, Task.thread_id == any_(literal(list(ids), ARRAY(Uuid))))
        told = delete(TaskEvent).where(
            TaskEvent.org_id == org_id, TaskEvent.task_id.in_(select(Task.id).where(*of_threads))
        )
        filled = update(Task).where(*of_threads, Task.payload.has_key("variables"))
        without = Task.payload.op("-", return_type=JSONB())(literal("variables", Text))
        for statement in (told, filled.values(payload=without)):
            self._session.execute(statement, execution_options={"synchronize_session": False})

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
