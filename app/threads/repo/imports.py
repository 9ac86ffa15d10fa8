"""Imported threads: which are there already, and many rows in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    FromClause,
    SmallInteger,
    Text,
    Uuid,
    any_,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db.base import Base, db
from app.threads.models import Message, Thread

ORIGIN = "import"


@dataclass(frozen=True)
class StoredThread:
    """A thread that an earlier import stored."""

    id: UUID
    deleted: bool


@dataclass(frozen=True)
class StoredMessage:
    """A message of such a thread, and where in its tree it stands."""

    id: UUID
    branch: int
    parent_id: UUID | None


class ImportRepo:
    """Threads of origin `import` of one organisation, by the ids their exports give them."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def lock(self, org_id: UUID) -> None:
        """Let other imports of the organisation wait until the transaction ends."""
        key = func.hashtextextended(f"import {org_id}", 0)
        self._session.execute(select(func.pg_advisory_xact_lock(key)))

    def threads(self, org_id: UUID, external_ids: Sequence[str]) -> dict[str, StoredThread]:
        """Those of the threads that are there, deleted ones included."""
        columns: tuple[Any, ...] = (Thread.external_id, Thread.id, Thread.deleted_at.is_not(None))
        statement = select(*columns).where(
            Thread.org_id == org_id,
            Thread.origin == ORIGIN,
            Thread.external_id == any_(literal(list(external_ids), ARRAY(Text))),
        )
        return {row[0]: StoredThread(row[1], deleted=row[2]) for row in self._session.execute(statement)}

    def messages(self, org_id: UUID, thread_ids: Sequence[UUID]) -> dict[UUID, dict[str, StoredMessage]]:
        """The imported messages of these threads by the ids their exports give them."""
        columns: tuple[Any, ...] = (Message.id, Message.branch, Message.parent_id)
        statement = select(Message.thread_id, Message.external_id, *columns).where(
            Message.org_id == org_id,
            Message.thread_id == any_(literal(list(thread_ids), ARRAY(Uuid))),
            Message.external_id.is_not(None),
        )
        found: dict[UUID, dict[str, StoredMessage]] = {thread_id: {} for thread_id in thread_ids}
        for thread_id, external_id, *where in self._session.execute(statement):
            found[thread_id][external_id] = StoredMessage(*where)
        return found

    def add_threads(self, org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store threads of the organisation; all rows have the same columns."""
        self._add(Thread, org_id, rows)

    def add_messages(self, org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store messages of the organisation; all rows have the same columns. The triggers keep counters and search."""
        self._add(Message, org_id, rows)

    def move_messages(self, org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put messages (`id`) on another `branch`, after another `parent_id`."""
        if not rows:
            return
        moved = _recordset(
            rows, column("id", Uuid), column("branch", SmallInteger), column("parent_id", Uuid)
        )
        self._session.execute(
            update(Message)
            .where(Message.org_id == org_id, Message.id == moved.c.id)
            .values(branch=moved.c.branch, parent_id=moved.c.parent_id)
            .execution_options(synchronize_session=False)
        )

    def _add(self, model: type[Base], org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """One statement with one parameter, however many rows: statement triggers run once for all of them."""
        if not rows:
            return
        columns = [model.__table__.c[name] for name in rows[0]]
        given = _recordset(rows, *(column(each.name, each.type) for each in columns))
        source = select(literal(org_id, Uuid), *(given.c[each.name] for each in columns))
        names = ["org_id", *(each.name for each in columns)]
        self._session.execute(insert(model).from_select(names, source, include_defaults=False))


def _recordset(rows: Sequence[Mapping[str, Any]], *columns: Any) -> FromClause:
    """The rows as a table."""
    given = cast(literal(orjson.dumps(rows).decode(), Text), JSON)
    return func.json_to_recordset(given).table_valued(*columns).render_derived(name="given", with_types=True)
