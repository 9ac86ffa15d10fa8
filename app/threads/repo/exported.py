"""Whole threads for files: each thread, then its messages, as JSON that the database makes, in one stream."""

from collections.abc import Generator
from typing import Any
from uuid import UUID

from sqlalchemy import Subquery, Text, cast, func, literal_column, null, select, true, union_all
from sqlalchemy.orm import Session

from app.threads.models import Message
from app.threads.repo.listed import listed_threads, ordering
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

BATCH = 500
"""Rows that are held at a time; a message may be large."""

_LEFT_OUT = frozenset({"org_id", "text_content"})


class WholeThreadRepo:
    """The threads that a list of an organisation holds, with everything written in them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def stream(self, org_id: UUID, viewer: Viewer, state: ListState) -> Generator[tuple[bool, str]]:
        """In list order whether a thread begins here, and it or the next of its messages, oldest first, as JSON.

        All is read from one snapshot in small parts, each of them a statement of its own for the time limit.
        """
        threads = listed_threads(org_id, viewer, state).subquery("t")
        messages = _messages(org_id)
        begins: Any = select(
            literal_column("true").label("begins"),
            null().label("created_at"),
            null().label("id"),
            cast(func.row_to_json(threads.table_valued()), Text).label("body"),
        )
        goes_on: Any = select(
            literal_column("false"),
            messages.c.created_at,
            messages.c.id,
            cast(func.row_to_json(messages.table_valued()), Text),
        ).where(messages.c.thread_id == threads.c.id)
        lines = union_all(begins.correlate(threads), goes_on.correlate(threads)).lateral("x")
        order = [*ordering(state, threads.c), lines.c.begins.desc(), lines.c.created_at, lines.c.id]
        statement = select(lines.c.begins, lines.c.body).select_from(threads).join(lines, true())
        options = {"yield_per": BATCH}
        with self._session.execute(statement.order_by(*order), execution_options=options) as rows:
            yield from rows


def _messages(org_id: UUID) -> Subquery:
    """Messages without what their parts say already."""
    columns = [column for column in Message.__table__.c if column.name not in _LEFT_OUT]
    return select(*columns).where(Message.org_id == org_id).subquery("m")
