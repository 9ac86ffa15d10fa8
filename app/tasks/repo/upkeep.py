"""The workers' heartbeats, and what is over, whichever organisation it belongs to."""

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_, select, text, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.auth.models import EmailChange, LoginAttempt, OAuthFlow, PasswordReset, SignInSession
from app.db.base import db
from app.db.blobs import remove_blobs, unused
from app.db.tables import LIVE, Blob, Task, TaskEvent, WorkerProcess

SESSION_IDLE = timedelta(days=14)
FORGET_AFTER = timedelta(days=1)
BATCH = 10_000


class WorkerRepo:
    """The workers and their heartbeats."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def beat(self, worker_id: UUID) -> None:
        """Say that this process lives."""
        row = insert(WorkerProcess).values(id=worker_id, host=platform.node(), pid=os.getpid())
        self._session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"seen_at": func.now()}))

    def alive(self, within: timedelta) -> int:
        """How many workers have given a sign of life within this time."""
        found = select(func.count()).where(WorkerProcess.seen_at > func.now() - within)
        return self._session.scalar(found) or 0

    def remove(self, worker_id: UUID) -> None:
        """Say that it has ended in good order."""
        self._session.execute(delete(WorkerProcess).where(WorkerProcess.id == worker_id))


class ExpiryRepo:
    """Rows whose time is over."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def remove_expired(self) -> None:
        """Delete what nobody can use any more; one-time links a day after their end, so that an answer can name it."""
        now, yesterday = func.now(), func.now() - FORGET_AFTER
        for statement in (
            delete(SignInSession).where(
                (SignInSession.expires_at < now) | (SignInSession.last_seen_at < now - SESSION_IDLE)
            ),
            delete(PasswordReset).where(PasswordReset.expires_at < yesterday),
            delete(EmailChange).where(EmailChange.expires_at < yesterday),
            delete(OAuthFlow).where(OAuthFlow.expires_at < now),
            delete(LoginAttempt).where(LoginAttempt.updated_at < yesterday),
            text("SELECT remove_expired_idempotency_keys()"),
            delete(WorkerProcess).where(WorkerProcess.seen_at < yesterday),
        ):
            self._session.execute(statement)

    def orgs_with_deleted(self, thing: str, before: datetime) -> Sequence[UUID]:
        """Organisations with agents, or threads, that were deleted before a moment."""
        due: Any = getattr(func, f"{thing}s_deleted_before")(before, BATCH).table_valued("org_id")
        return self._session.scalars(select(due.c.org_id).distinct()).all()

    def waits(self, org_id: UUID, kind: str) -> bool:
        """Whether a task of a kind has not ended yet."""
        found = select(Task.id).where(Task.org_id == org_id, Task.kind == kind, Task.status.in_(LIVE))
        return bool(self._session.scalar(select(found.exists())))

    def remove_files(self, org_id: UUID, kinds: Sequence[str], age: timedelta) -> None:
        """Remove files of these media types that are older than `age` and to which nothing refers.

        That is what tasks left that ended longer ago, however they ended.
        """
        left = (Blob.media_type.in_(kinds), Blob.created_at <= func.now() - age, unused())
        some = select(Blob.id).where(Blob.org_id == org_id, *left).limit(1)
        if self._session.scalar(some) is None:
            return  # mostly so: the tasks, of all times, need not be looked through
        remove_blobs(self._session, org_id, *left, ~_named(org_id, age))


def _named(org_id: UUID, age: timedelta) -> ColumnElement[bool]:
    """Whether a task names a file that has not ended, or not longer ago than `age`, as part of a statement about Blob.

    Of those that did not end well, which can be run again, only their finished steps name it.
    """
    recent = (Task.org_id == org_id, or_(Task.status.in_(LIVE), Task.finished_at > func.now() - age))
    steps = (
        select(TaskEvent.data["answer"]["id"].astext)
        .join(Task, (Task.org_id == TaskEvent.org_id) & (Task.id == TaskEvent.task_id))
        .where(*recent, Task.status != "succeeded", TaskEvent.kind == "step")
    )
    named = union_all(
        select(Task.result["file"]["id"].astext.label("id")).where(*recent),
        select(Task.payload["blob_id"].astext).where(*recent),
        steps,
    ).subquery()
    return select(named.c.id).where(named.c.id == cast(Blob.id, Text)).exists()
