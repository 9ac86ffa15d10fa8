"""Lists as files: CSV, JSON and NDJSON, streamed in parts from one snapshot of the database; and stored files."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, islice
from threading import Condition
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import orjson
from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from app.db.blobs import send_blob
from app.db.engine import FILES_AT_ONCE, POOL_WAIT_SECONDS
from app.db.rows import Rows
from app.db.session import analytics_session, rest
from app.web.errors import Refusal
from app.web.identity import require_visitor

Record = Mapping[str, Any]
Part = TypeVar("Part")
KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "ndjson": "application/x-ndjson"}
_BOM = "\ufeff"
_PART = 64 * 1024
FILES_EACH = 2
"""How many of FILES_AT_ONCE one person takes: whoever is slow, or takes nothing at all, leaves places to others."""
_LOOK_SECONDS = 1.0
"""How long nobody looks up from waiting for a place: a task may be cancelled, given up or handed back meanwhile."""
_RISKY = re.compile(r"\s*[=+\-@|\uff1d\uff0b\uff0d\uff20\uff5c]| *[\t\r]")


class _Places:
    """Places for files that are sent or written as they are read, and whose they are; a task's are nobody's."""

    def __init__(self) -> None:
        self._taken: Counter[UUID | None] = Counter()
        self._changed = Condition()

    def acquire(self, who: UUID | None, timeout: float) -> bool:
        """Take a place as soon as one is free for `who`; False if none is in time."""
        with self._changed:
            taken = self._changed.wait_for(lambda: self._is_free(who), timeout)
            self._taken[who] += taken
        return taken

    def release(self, who: UUID | None) -> None:
        """Leave it."""
        with self._changed:
            self._taken[who] -= 1
            self._taken += Counter()  # without those who have left
            self._changed.notify_all()

    def shared_out(self, who: UUID | None) -> bool:
        """Whether somebody has as many as one person may."""
        return who is not None and self._taken[who] >= FILES_EACH

    def _is_free(self, who: UUID | None) -> bool:
        return self._taken.total() < FILES_AT_ONCE and not self.shared_out(who)


_places = _Places()


def stream_file(
    kind: str,
    name: str,
    columns: Sequence[str],
    read: Callable[[Session], Rows],
    note: Callable[[], None],
) -> Response:
    """An attachment with these columns of the rows that `read` finds with the session it gets; see stream_parts."""
    return stream_parts(kind, name, lambda session: written(kind, columns, read(session)), note)


def stream_table(
    name: str,
    columns: Sequence[str],
    read: Callable[[Session], Generator[Record]],
    note: Callable[[], None],
) -> Response:
    """The same as CSV, of records that are no rows of the database as they are."""

    def write(session: Session) -> Generator[bytes]:
        with closing(read(session)) as records:  # whoever hangs up leaves no cursor open
            yield from _csv(columns, ([record[column] for column in columns] for record in records))

    return stream_parts("csv", name, write, note)


def stream_parts(
    kind: str, name: str, write: Callable[[Session], Generator[bytes]], note: Callable[[], None]
) -> Response:
    """An attachment `<name>-<date>.<kind>` of the parts that `write` yields.

    `write` gets a session of its own, see file_session; `note` notes that the file is sent, see begun. Raises TooSlow
    if the first rows do not come in time.
    """
    who = require_visitor().id

    def read() -> Generator[bytes]:
        with file_session(who=who) as session, closing(write(session)) as parts:
            yield from parts

    reading = read()
    response = Response(begun(reading, note), content_type=KINDS[kind])
    response.call_on_close(reading.close)
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{name}-{datetime.now(UTC):%Y-%m-%d}.{kind}"'
    )
    return response


@contextmanager
def file_session(
    patience: float | None = None,
    waiting: Callable[[], object] = lambda: None,
    who: UUID | None = None,
) -> Iterator[Session]:
    """A read-only session for a file that is read as it is sent or written; it holds none of the figures' connections.

    Whoever is slow to take one holds its place. If none is free within `patience` seconds, by default those that a
    request waits for a connection, Refusal 429 for whom `who` names and who has FILES_EACH, else 503. `waiting` is
    called each second until then; what it raises ends the wait.
    """
    rest()
    deadline = monotonic() + (POOL_WAIT_SECONDS if patience is None else patience)
    while not _places.acquire(who=who, timeout=max(min(_LOOK_SECONDS, deadline - monotonic()), 0)):
        if monotonic() >= deadline:
            raise _none_free(who)
        waiting()
    try:
        with analytics_session() as session:
            yield session
    finally:
        _places.release(who)


def _none_free(who: UUID | None) -> Refusal:
    if _places.shared_out(who):
        return Refusal(
            429, f"{FILES_EACH} files are on their way to you. Try again when one has arrived.", 60
        )
    return Refusal(503, "Too many files are being sent at this moment. Try again in a minute.", 60)


def stream_blob(org_id: UUID, blob_id: UUID, byte_size: int, content_type: str) -> Response:
    """A stored file, sent part by part."""
    content = begun(send_blob(org_id, blob_id))
    response = Response(stream_with_context(content), content_type=content_type)
    response.headers["Content-Length"] = str(byte_size)
    return response


def begun(parts: Generator[Part], note: Callable[[], None] = lambda: None) -> Iterator[Part]:
    """The same parts, the first of them read at once: what goes wrong with it can still be answered.

    `note` is called once it is read, and before any of it leaves.
    """
    try:
        first = [*islice(parts, 1)]
        note()
    except BaseException:
        parts.close()
        raise
    return chain(first, parts)


def written(
    kind: str, columns: Sequence[str], rows: Rows, told: Callable[[int], None] = lambda _: None
) -> Generator[bytes]:
    """The bytes of a file of a kind, in parts; `told` hears how many rows they hold so far."""
    with closing(rows.lines(columns, whole_seconds=kind == "csv")) as parts:
        counted = _counted(parts, told)
        if kind == "csv":
            yield from _csv(columns, (orjson.loads(line).values() for part in counted for line in part))
        else:
            yield from {"json": _json, "ndjson": _ndjson}[kind](counted)


def harmless(text: str) -> str:
    """The text as a spreadsheet may open it: what would start a formula there gets a leading apostrophe."""
    return f"'{text}" if _RISKY.match(text) else text


def _counted(parts: Iterator[Sequence[str]], told: Callable[[int], None]) -> Generator[Sequence[str]]:
    number = 0
    for part in parts:
        yield part
        number += len(part)
        told(number)


def _json(parts: Iterator[Sequence[str]]) -> Generator[bytes]:
    start = "["
    for part in parts:
        yield (start + "\n" + ",\n".join(part)).encode()
        start = ","
    yield b"\n]\n" if start == "," else b"[]\n"


def _ndjson(parts: Iterator[Sequence[str]]) -> Generator[bytes]:
    for part in parts:
        yield "\n".join([*part, ""]).encode()
    yield b""


def _csv(columns: Sequence[str], records: Iterator[Iterable[Any]]) -> Generator[bytes]:
    buffer = io.StringIO(newline="")
    buffer.write(_BOM)
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for record in records:
        writer.writerow(map(_cell, record))
        if buffer.tell() > _PART:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
        return orjson.dumps(value).decode()
    return harmless(", ".join(map(str, value)) if isinstance(value, list) else str(value))
