"""Whole threads for files: each thread, then its messages, as JSON that the database makes, in one stream."""

from collections.abc import Generator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Subquery, literal_column, select, true, union_all
from sqlalchemy.orm import Session

from app.db.rows import IN_PARTS, as_json
from app.threads.models import Message
from app.threads.repo.listed import listed_threads, ordering
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

_LEFT_OUT = frozenset({"org_id", "text_content"})


class WholeThreadRepo:
    """The threads that a list of an organisation holds, with everything written in them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def stream(self, org_id: UUID, viewer: Viewer, state: ListState) -> Generator[Sequence[Row[bool, str]]]:
        """In list order whether a thread begins here, and it or the next of its messages, oldest first, as JSON.

        Some at a time, all from one snapshot. A lateral join walks its left side in order; to sort what it yields as
        well would be to wait for all the texts.
        """
        threads = listed_threads(org_id, viewer, state).order_by(*ordering(state)).subquery("t")
        messages = _messages(org_id, threads)
        begins: Any = select(literal_column("true").label("begins"), as_json(threads).label("body"))
        goes_on: Any = select(literal_column("false"), as_json(messages))
        lines = union_all(begins.correlate(threads), goes_on).lateral("x")
        statement: Select[bool, str] = select(lines.c.begins, lines.c.body)
        statement = statement.select_from(threads).join(lines, true())
        with self._session.execute(statement, execution_options=IN_PARTS) as rows:
            yield from rows.partitions()


def _messages(org_id: UUID, threads: Subquery) -> Subquery:
    """The messages of a thread, without what their parts say already."""
    columns = [column for column in Message.__table__.c if column.name not in _LEFT_OUT]
    there = select(*columns).where(Message.org_id == org_id, Message.thread_id == threads.c.id)
    return there.order_by(Message.created_at, Message.id).correlate(threads).subquery("m")
