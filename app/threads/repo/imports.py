"""Imported threads: which are there already, and many rows in one statement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    FromClause,
    Select,
    SmallInteger,
    Text,
    Uuid,
    any_,
    cast,
    column,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db.base import Base, db
from app.db.blobs import remove_blobs, unused
from app.db.tables import Blob, Task
from app.threads.models import Message, Thread

ORIGIN = "import"
KEPT = timedelta(days=1)
PATIENCE = "14s"
"""Less than a statement has."""
AT_ONCE = 5_000
"""Rows of a statement, which has 15 s: that many messages take a few of them."""
LIVE = ("queued", "running", "waiting")


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

    def lock(self, org_id: UUID, *, patiently: bool = False) -> None:
        """Let other imports of the organisation wait until the transaction ends.

        Whoever waits `patiently`, in a transaction that nobody waits for, does so for several of their batches.
        """
        if patiently:
            self._session.execute(select(func.set_config("lock_timeout", PATIENCE, true())))
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
        places = (column("id", Uuid), column("branch", SmallInteger), column("parent_id", Uuid))
        for some in _slices(rows):
            moved = _recordset(some, *places)
            self._session.execute(
                update(Message)
                .where(Message.org_id == org_id, Message.id == moved.c.id)
                .values(branch=moved.c.branch, parent_id=moved.c.parent_id)
                .execution_options(synchronize_session=False)
            )

    def tasks(self, org_id: UUID, kind: str, most: int) -> list[Task]:
        """The latest tasks of this kind, newest first."""
        newest = (Task.created_at.desc(), Task.id.desc())
        statement = select(Task).where(Task.org_id == org_id, Task.kind == kind).order_by(*newest)
        return list(self._session.scalars(statement.limit(most)))

    def task(self, org_id: UUID, kind: str, task_id: UUID) -> Task | None:
        """A task of this kind, as it is stored now."""
        statement = select(Task).where(Task.org_id == org_id, Task.kind == kind, Task.id == task_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def wanted_elsewhere(self, org_id: UUID, blob_id: UUID, kind: str, task_id: UUID) -> bool:
        """Whether another task of this kind has yet to read a file, another left it, or a row refers to it."""
        others = _waiting(org_id, kind, str(blob_id)).where(Task.id != task_id)
        left = select(Task.id).where(Task.org_id == org_id, Task.result["file"]["id"].astext == str(blob_id))
        used = select(Blob.id).where(Blob.org_id == org_id, Blob.id == blob_id, ~unused())
        return bool(self._session.scalar(select(or_(others.exists(), left.exists(), used.exists()))))

    def remove_left_files(self, org_id: UUID, media_type: str, kind: str) -> None:
        """Delete the files of tasks that ended without doing so a day ago, unless something refers to them."""
        remove_blobs(
            self._session,
            org_id,
            Blob.media_type == media_type,
            Blob.created_at < func.now() - KEPT,
            ~_waiting(org_id, kind, cast(Blob.id, Text)).exists(),
            unused(),
        )

    def _add(self, model: type[Base], org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """Many rows with one parameter in one statement: statement triggers run once for all of them."""
        for some in _slices(rows):
            columns = [model.__table__.c[name] for name in some[0]]
            given = _recordset(some, *(column(each.name, each.type) for each in columns))
            source = select(literal(org_id, Uuid), *(given.c[each.name] for each in columns))
            names = ["org_id", *(each.name for each in columns)]
            self._session.execute(insert(model).from_select(names, source, include_defaults=False))


def _waiting(org_id: UUID, kind: str, blob_id: Any) -> Select[Any]:
    """Tasks of this kind that have not ended and name this file."""
    return select(Task.id).where(
        Task.org_id == org_id,
        Task.kind == kind,
        Task.status.in_(LIVE),
        Task.payload["blob_id"].astext == blob_id,
    )


def _slices(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The rows, as many at a time as one statement takes."""
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))


def _recordset(rows: Sequence[Mapping[str, Any]], *columns: Any) -> FromClause:
    """The rows as a table."""
    given = cast(literal(orjson.dumps(rows).decode(), Text), JSON)
    return func.json_to_recordset(given).table_valued(*columns).render_derived(name="given", with_types=True)
