"""Counts SQL statements. The tenant setting and transaction control do not count."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

FREE = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET LOCAL", "SELECT SET_CONFIG")

_counters: list[list[str]] = []


@event.listens_for(Engine, "before_cursor_execute")
def _count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
    if not " ".join(statement.split()).upper().startswith(FREE):
        for counter in _counters:
            counter.append(statement)


@contextmanager
def queries(max: int | None = None) -> Iterator[list[str]]:  # noqa: A002 - reads as `queries(max=4)`
    """Collect the statements run inside; fail when they are more than `max`."""
    counter: list[str] = []
    _counters.append(counter)
    try:
        yield counter
    finally:
        _counters[:] = [other for other in _counters if other is not counter]
    if max is not None:
        assert len(counter) <= max, f"{len(counter)} statements, {max} allowed:\n" + "\n---\n".join(counter)
