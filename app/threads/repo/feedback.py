"""What people think of messages, and the notes members leave on threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.threads.models import Feedback, ThreadNote
from app.threads.repo.threads import person_name


@dataclass(frozen=True)
class Rater:
    """Who rates: a member, or the name of somebody outside."""

    user_id: UUID | None = None
    external_user: str | None = None


@dataclass(frozen=True)
class FeedbackRow:
    """A rating with the name of its member."""

    id: UUID
    message_id: UUID
    user_id: UUID | None
    user_name: str | None
    external_user: str | None
    rating: int
    reason: str | None
    comment: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class NoteRow:
    """A note with the name of its author, who may be gone."""

    id: UUID
    author_id: UUID | None
    author_name: str | None
    body: str
    created_at: datetime


_COLUMNS: tuple[Any, ...] = tuple(
    person_name() if name == "user_name" else getattr(Feedback, name)
    for name in FeedbackRow.__dataclass_fields__
)


class FeedbackRepo:
    """Feedback of one organisation: one rating per message and person."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def for_messages(self, org_id: UUID, message_ids: Sequence[UUID]) -> list[FeedbackRow]:
        """What people think of these messages, oldest first."""
        statement = (
            select(*_COLUMNS)
            .outerjoin(User, User.id == Feedback.user_id)
            .where(Feedback.org_id == org_id, Feedback.message_id.in_(message_ids))
            .order_by(Feedback.created_at, Feedback.id)
        )
        return [FeedbackRow(*row) for row in self._session.execute(statement)]

    def put(
        self, org_id: UUID, thread_id: UUID, message_id: UUID, rater: Rater, values: dict[str, Any]
    ) -> Feedback:
        """Store or replace what `rater` thinks: `rating`, `reason`, `comment`."""
        statement = insert(Feedback).values(
            org_id=org_id,
            thread_id=thread_id,
            message_id=message_id,
            user_id=rater.user_id,
            external_user=rater.external_user,
            **values,
        )
        rated_by = Feedback.external_user if rater.user_id is None else Feedback.user_id
        statement = statement.on_conflict_do_update(
            index_elements=[Feedback.message_id, rated_by],
            index_where=rated_by.is_not(None),
            set_={**values, "updated_at": func.now()},
        )
        found = self._session.scalars(
            statement.returning(Feedback), execution_options={"populate_existing": True}
        )
        return found.one()

    def remove(self, org_id: UUID, message_id: UUID, rater: Rater) -> Feedback | None:
        """Take back what `rater` thought, and return it; None if there was nothing."""
        statement = (
            delete(Feedback)
            .where(
                Feedback.org_id == org_id,
                Feedback.message_id == message_id,
                Feedback.user_id.is_not_distinct_from(rater.user_id),
                Feedback.external_user.is_not_distinct_from(rater.external_user),
            )
            .returning(Feedback)
        )
        return self._session.scalar(statement)


class NoteRepo:
    """Notes on threads of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def for_thread(self, org_id: UUID, thread_id: UUID) -> list[NoteRow]:
        """The notes on a thread, oldest first."""
        statement = (
            select(ThreadNote.id, ThreadNote.author_id, person_name(), ThreadNote.body, ThreadNote.created_at)
            .outerjoin(User, User.id == ThreadNote.author_id)
            .where(ThreadNote.org_id == org_id, ThreadNote.thread_id == thread_id)
            .order_by(ThreadNote.created_at, ThreadNote.id)
        )
        return [NoteRow(*row) for row in self._session.execute(statement)]

    def add(self, org_id: UUID, thread_id: UUID, author_id: UUID, body: str) -> ThreadNote:
        """Store a note."""
        note = ThreadNote(org_id=org_id, thread_id=thread_id, author_id=author_id, body=body)
        self._session.add(note)
        self._session.flush()
        return note

    def remove(self, org_id: UUID, thread_id: UUID, note_id: UUID) -> ThreadNote | None:
        """Delete a note and return it; None if the thread has no such note."""
        statement = (
            delete(ThreadNote)
            .where(ThreadNote.org_id == org_id, ThreadNote.thread_id == thread_id, ThreadNote.id == note_id)
            .returning(ThreadNote)
        )
        return self._session.scalar(statement)
