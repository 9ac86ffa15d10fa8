"""The measurements of many threads: which there are, and where they happen."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import kept_models, lists, names, requests, searches, transfer, writes
from bench.kept import Filled, Kept
from bench.place import Place, place
from tests.support import database
from tests.support.postgres import create_database, drop_database, in_database
from tests.support.redis import Redis

SMALL = (10_000, 50_000)


def _kept_models(_small: Filled, full: Filled) -> None:
    redis = Redis()
    redis.start()
    try:
        with place(full, REDIS_URL=redis.url) as where:
            kept_models.measure(where, redis.flush)
    finally:
        redis.remove()


def _growth(small: Filled, full: Filled) -> None:
    with place(small) as few, place(full) as many:
        lists.growth(few, many)


def _on_full(measure: Callable[[Place], None]) -> Callable[[Filled, Filled], None]:
    def run(_small: Filled, full: Filled) -> None:
        name = full.superuser.rpartition("/")[2]
        with place(full) as where, database.source(database.superuser_engine(full.superuser, name)):
            measure(where)

    return run


def _writes(small: Filled, _full: Filled) -> None:
    with _copy(small) as copy, place(copy) as where:
        writes.measure(where, copy.owner)


def _import(small: Filled, _full: Filled) -> None:
    with _copy(small) as copy, place(copy) as where:
        transfer.bring_in(where, copy.owner)


@contextmanager
def _copy(filled: Filled) -> Iterator[Filled]:
    """A database of the same rows to write into, so that the kept one stays as it was filled."""
    server, name = in_database(filled.superuser, "postgres"), "scale_copy"
    drop_database(server, name)
    create_database(server, name, filled.superuser.rpartition("/")[2])
    try:
        yield Filled(filled.threads, in_database(filled.owner, name), in_database(filled.superuser, name))
    finally:
        drop_database(server, name)


GROUPS: dict[str, Callable[[Filled, Filled], None]] = {
    "lists": _on_full(lists.measure),
    "names": _on_full(names.measure),
    "search": _on_full(searches.measure),
    "requests": _on_full(requests.measure),
    "cached": _kept_models,
    "growth": _growth,
    "export": _on_full(transfer.export),
    "import": _import,
    "writes": _writes,
}


def main(
    threads: int, messages: int, directory: Path | None, only: Sequence[str] | None, *, durable: bool
) -> None:
    """Fill or find the databases, then print the tables."""
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as temporary,
        Kept(directory or Path(temporary), durable=durable).running() as kept,
    ):
        small, full = kept.filled(*SMALL), kept.filled(threads, messages)
        for name in only or GROUPS:
            GROUPS[name](small, full)
