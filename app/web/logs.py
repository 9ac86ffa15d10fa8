"""Log lines: one per event on stderr, JSON or text; nobody can forge one, and none quotes a row."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask, g, has_app_context
from psycopg import Error as DriverError
from sqlalchemy.exc import DBAPIError

from app.web.security import settings

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object; every control character is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return orjson.dumps(_fields(record), default=str).decode()


class TextFormatter(logging.Formatter):
    """Time, level, words and `name=value` pairs; stack lines are indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, more than one only for an exception."""
        fields = _fields(record)
        head = [str(fields.pop(name)) for name in ("time", "level", "event")]
        stack = str(fields.pop("exception", ""))
        pairs = [f"{name}={_plain(value)}" for name, value in fields.items()]
        lines = [" ".join([*map(_printable, head), *pairs]), *stack.splitlines()]
        return "\n    ".join(map(_printable, lines))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        "logger": record.name,
    }
    if has_app_context() and "request_id" in g:
        fields["request_id"] = g.request_id
    fields |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = describe(record.exc_info[1])
    return fields


def describe(error: BaseException) -> str:
    """Stack and words of an error and its causes; of a database error only the first line, as more quotes rows."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None:
        stack = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{stack}{type(current).__name__}: {_words(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\ncaused by\n".join(parts)


def _words(error: BaseException) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, DriverError):
        return origin.diag.message_primary or type(origin).__name__
    return str(origin)


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and '"' not in text else orjson.dumps(text).decode()


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def register(app: Flask) -> None:
    """Send the log of the whole process to stderr, in the configured form."""
    with app.app_context():
        formatter = JsonFormatter() if settings().log_format == "json" else TextFormatter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.set_name("agentpress")
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if other.get_name() != "agentpress"]
    root.addHandler(handler)
    app.logger.setLevel(logging.INFO)
    server = logging.getLogger("gunicorn.error")
    server.handlers, server.propagate = [], True
