"""A database with organisations, and workers on it, for measurements of tasks."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from app import create_app, handlers
from app.db import work
from app.db.base import db
from app.db.scope import Scope, use_scope
from tests.factories import orgs
from tests.support import database, task_kinds
from tests.support.postgres import OWNER, Postgres, create_database, in_database
from tests.support.processes import Process
from tests.support.web import ROOT, clean_environment

MEMBERS = """
    SELECT m.org_id, m.user_id FROM org_members m ORDER BY m.org_id
"""


@dataclass
class Stage:
    """A database with organisations of one member each, as (organisation, member)."""

    directory: Path
    settings: dict[str, str]
    superuser: str
    tenants: list[tuple[UUID, UUID]]

    def worker(self, number: int = 0, concurrency: int = 10) -> Process:
        """A worker that knows the kinds of the tests; not started."""
        command = [sys.executable, "-m", task_kinds.HERE, str(concurrency)]
        log = self.directory / f"worker{number}.log"
        return Process(command, log, clean_environment(self.settings), ROOT)

    def connect(self) -> psycopg.Connection:
        """The superuser's connection, in autocommit."""
        return psycopg.connect(self.superuser, autocommit=True)

    def enter(self, number: int = 0) -> None:
        """Act as the member of an organisation."""
        org_id, user_id = self.tenants[number % len(self.tenants)]
        use_scope(Scope(org_id, user_id, "member"))


@contextmanager
def stage(cluster: Postgres, directory: Path, tenants: int = 10) -> Iterator[Stage]:
    """Make the database and act in it."""
    name = "agentpress_stage"
    create_database(cluster.dsn(), name, database.TEMPLATE)
    settings = {
        "DATABASE_URL": in_database(cluster.dsn(), name, OWNER),
        "DATA_DIR": str(directory / "data"),
        "SECRET_KEY": database.SECRET_KEY,
    }
    with ExitStack() as stack:
        stack.enter_context(database.source(database.superuser_engine(cluster.dsn(), name)))
        app = create_app(database.settings(settings["DATABASE_URL"]))
        work.register(app, {**handlers.KINDS, **task_kinds.KINDS})
        stack.enter_context(app.app_context())
        for _ in range(tenants):
            orgs.member(orgs.org())
        superuser = in_database(cluster.dsn(), name)
        with psycopg.connect(superuser) as connection:
            rows = connection.execute(MEMBERS).fetchall()
        yield Stage(directory, settings, superuser, rows)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    cluster.drop_database(name)
