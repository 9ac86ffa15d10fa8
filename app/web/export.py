"""Lists as files: CSV, JSON and NDJSON, streamed row by row from one snapshot of the database."""

import csv
import io
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import orjson
from flask import Response
from sqlalchemy.orm import Session

from app.db.session import analytics_session

Record = Mapping[str, Any]
KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "ndjson": "application/x-ndjson"}
_BOM = "\ufeff"
_PART = 64 * 1024
_RISKY = re.compile(r"\s*[=+\-@|\uff1d\uff0b\uff0d\uff20\uff5c]| *[\t\r]")


def stream_file(
    kind: str, name: str, columns: Iterable[str], read: Callable[[Session], Generator[Record]]
) -> Response:
    """An attachment with these columns of the records that `read` yields from the session it gets; see stream_parts."""

    def write(session: Session) -> Generator[bytes]:
        with closing(read(session)) as records:  # whoever hangs up leaves no cursor open
            yield from written(kind, columns, records)

    return stream_parts(kind, name, write)


def stream_parts(kind: str, name: str, write: Callable[[Session], Generator[bytes]]) -> Response:
    """An attachment `<name>-<date>.<kind>` of the parts that `write` yields.

    `write` gets a read-only session of its own, open as long as the answer is sent; the running transaction must have
    ended before. Raises TooSlow if the first rows do not come in time.
    """
    with ExitStack() as stack:
        parts = write(stack.enter_context(analytics_session()))
        stack.callback(parts.close)
        first = next(parts)
        reading = stack.pop_all()
    response = Response(chain([first], parts), content_type=KINDS[kind])
    response.call_on_close(reading.close)
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{name}-{datetime.now(UTC):%Y-%m-%d}.{kind}"'
    )
    return response


def written(kind: str, columns: Iterable[str], records: Iterator[Record]) -> Generator[bytes]:
    """The bytes of a file of a kind, in parts."""
    return _WRITERS[kind](list(columns), records)


def harmless(text: str) -> str:
    """The text as a spreadsheet may open it: what would start a formula there gets a leading apostrophe."""
    return f"'{text}" if _RISKY.match(text) else text


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return harmless(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _csv(columns: list[str], records: Iterator[Record]) -> Generator[bytes]:
    buffer = io.StringIO(newline="")
    buffer.write(_BOM)
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for record in records:
        writer.writerow([_cell(record[column]) for column in columns])
        if buffer.tell() > _PART:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _json(columns: list[str], records: Iterator[Record]) -> Generator[bytes]:
    start = b"["
    for lines in _parts(columns, records):
        yield start + b"\n" + b",\n".join(lines)
        start = b","
    yield b"\n]\n" if start == b"," else b"[]\n"


def _ndjson(columns: list[str], records: Iterator[Record]) -> Generator[bytes]:
    for lines in _parts(columns, records):
        yield b"\n".join([*lines, b""])
    yield b""


def _parts(columns: list[str], records: Iterator[Record]) -> Generator[list[bytes]]:
    """The records as JSON, some at a time: sent one by one, each would cost more than making it."""
    lines, size = [], 0
    for record in records:
        lines.append(_line(columns, record))
        size += len(lines[-1])
        if size > _PART:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _line(columns: list[str], record: Record) -> bytes:
    return orjson.dumps({column: record[column] for column in columns})


_WRITERS = {"csv": _csv, "json": _json, "ndjson": _ndjson}
