"""The database of the thread measurements: filled once by `flask seed scale`, kept in a directory for the next run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import flask_migrate

from app import create_app
from app.commands import registry
from app.db.base import db
from tests.support.cli import flask
from tests.support.database import SECRET_KEY, settings
from tests.support.postgres import OWNER, Postgres

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""As the product's own server is set: a commit waits for the disk."""


@dataclass(frozen=True)
class Filled:
    """A filled database of the server: its name, how many threads it holds, its owner's and the superuser's address."""

    threads: int
    owner: str
    superuser: str


class Kept:
    """A server whose data outlive the run."""

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._fresh = not (directory / "data" / "PG_VERSION").exists()
        directory.mkdir(parents=True, exist_ok=True)
        self.server = Postgres(directory=directory, settings=SETTINGS | (DURABLE if durable else {}))

    @contextmanager
    def running(self) -> Iterator["Kept"]:
        """Start the server, and stop it in the end."""
        if self._fresh:
            self.server.create()
        else:
            self.server.start()
        try:
            yield self
        finally:
            self.server.stop()

    def filled(self, threads: int, messages: int) -> Filled:
        """The database with that many threads and messages, made unless it is there."""
        name = f"scale_{threads}_{messages}"
        found = Filled(threads, self.server.dsn(name, OWNER), self.server.dsn(name))
        if not self.server.execute("SELECT 1 FROM pg_database WHERE datname = %s", name):
            making = f"{name}_making"
            self.server.drop_database(making)
            address = self.server.create_database(making)
            _upgrade(address)
            _fill(address, threads, messages)
            self.server.execute(f"ALTER DATABASE {making} RENAME TO {name}")
        _upgrade(found.owner)
        return found


def _upgrade(address: str) -> None:
    """Bring the schema up to date."""
    app = create_app(settings(address))
    registry.register(app)
    with app.app_context():
        flask_migrate.upgrade()
        for engine in db.engines.values():
            engine.dispose()


def _fill(address: str, threads: int, messages: int) -> None:
    began = time.monotonic()
    counts = ("--threads", str(threads), "--messages", str(messages))
    environment = {"DATABASE_URL": address, "SECRET_KEY": SECRET_KEY}
    done = flask(environment, "seed", "scale", *counts, seconds=14_400)
    if done.returncode:
        raise RuntimeError(done.stderr)
    print(
        f"\n{done.stderr}Filled in {time.monotonic() - began:.0f} s: {threads:,} threads, {messages:,} messages."
    )
