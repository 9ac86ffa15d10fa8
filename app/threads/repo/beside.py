"""What a page of a thread shows beside its messages, read with one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.session import columns_of
from app.threads.repo.feedback import NoteRow
from app.threads.repo.messages import MessageWindow

_BESIDE = text(
    """
    SELECT (SELECT jsonb_agg(jsonb_build_object('message', message_id, 'user', user_id, 'rating', rating,
                                                'reason', reason, 'comment', comment))
              FROM feedback WHERE org_id = :org_id AND message_id = ANY(:ids)) AS feedback,
           (SELECT jsonb_agg(jsonb_build_object('message', parent_id, 'first', id) ORDER BY branch)
              FROM messages WHERE org_id = :org_id AND parent_id = ANY(:ids)) AS branches,
           (SELECT jsonb_agg(first.id ORDER BY first.branch)
              FROM (SELECT DISTINCT ON (branch) branch, id, parent_id FROM messages
                     WHERE :at_start AND org_id = :org_id AND thread_id = :thread_id
                     ORDER BY branch, created_at, id) first
             WHERE first.branch <> 0 AND first.parent_id IS NULL) AS beginnings,
           (SELECT jsonb_agg(jsonb_build_object('id', note.id, 'author_id', note.author_id, 'body', note.body,
                                                'created_at', note.created_at,
                                                'author_name', coalesce(nullif(concat_ws(' ',
                                                    nullif(person.first_name, ''),
                                                    nullif(person.last_name, '')), ''), person.email))
                             ORDER BY note.created_at, note.id)
              FROM thread_notes note LEFT JOIN users person ON person.id = note.author_id
             WHERE note.org_id = :org_id AND note.thread_id = :thread_id) AS notes
    """
)


@dataclass(frozen=True)
class Opinions:
    """What people think of one message: the visitor, if they said so, and how many others rated it up and down."""

    mine: Mapping[str, Any] | None = None
    up: int = 0
    down: int = 0


@dataclass(frozen=True)
class Beside:
    """Opinions and branching-off messages by message, branches that begin the thread anew, and notes."""

    opinions: Mapping[UUID, Opinions] = field(default_factory=dict)
    branches: Mapping[UUID, Sequence[UUID]] = field(default_factory=dict)
    beginnings: Sequence[UUID] = ()
    notes: Sequence[NoteRow] = ()


class BesideRepo:
    """What belongs to the messages of a page."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def of(self, org_id: UUID, thread_id: UUID, window: MessageWindow, user_id: UUID) -> Beside:
        """What stands beside the messages of a window, as this person sees it."""
        values = {
            "org_id": org_id,
            "thread_id": thread_id,
            "ids": [row.id for row in window.rows],
            "at_start": not window.older,
        }
        found = columns_of(self._session, _BESIDE, values).one()
        branches: dict[UUID, list[UUID]] = {}
        for branch in found.branches or ():
            branches.setdefault(UUID(branch["message"]), []).append(UUID(branch["first"]))
        return Beside(
            opinions=_opinions(found.feedback or (), str(user_id)),
            branches=branches,
            beginnings=[UUID(first) for first in found.beginnings or ()],
            notes=[_note(note) for note in found.notes or ()],
        )


def _opinions(rows: Sequence[Mapping[str, Any]], user_id: str) -> dict[UUID, Opinions]:
    by_message: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_message.setdefault(row["message"], []).append(row)
    return {
        UUID(message): Opinions(
            mine=next((row for row in given if row["user"] == user_id), None),
            up=sum(row["rating"] > 0 for row in given if row["user"] != user_id),
            down=sum(row["rating"] < 0 for row in given if row["user"] != user_id),
        )
        for message, given in by_message.items()
    }


def _note(note: Mapping[str, Any]) -> NoteRow:
    return NoteRow(
        id=UUID(note["id"]),
        author_id=note["author_id"] and UUID(note["author_id"]),
        author_name=note["author_name"],
        body=note["body"],
        created_at=datetime.fromisoformat(note["created_at"]),
    )
