"""A database with organisations of one member each, workers on it that can be killed, and what became of its tasks."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from app import create_app, handlers
from app.db import work
from app.db.base import db
from app.db.queue import enqueue
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.db.work import Kind
from tests.factories import orgs
from tests.support import database, task_kinds
from tests.support.postgres import OWNER, Postgres, create_database, in_database
from tests.support.processes import Process
from tests.support.task_kinds import Plain
from tests.support.web import ROOT, clean_environment

NAME = "agentpress_stage"
TASKS = """
    SELECT t.id, t.status, t.attempt, t.failures, t.error,
           CASE t.kind WHEN 'test.empty' THEN '0' ELSE t.payload->>'steps' END,
           (SELECT count(*) FROM task_attempts a WHERE a.task_id = t.id),
           (SELECT count(*) FROM task_attempts a WHERE a.task_id = t.id AND a.outcome = 'succeeded'),
           (SELECT count(*) FROM audit_events e WHERE e.target_id = t.id),
           (SELECT count(DISTINCT e.target_label) FROM audit_events e WHERE e.target_id = t.id)
      FROM tasks t
"""
LIVE = {"queued", "running", "waiting"}
SAID = 10_000
"""Characters of the workers' logs that are shown beside a test that fails."""


def say(*lines: object) -> None:
    """Print what was found, whether it is as it should be or not."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class History:
    """What became of a task: its attempts, and the effects its steps left, of which `distinct` differ."""

    id: UUID
    status: str
    attempt: int
    failures: int
    error: str | None
    steps: str | None
    attempts: int
    succeeded: int
    effects: int
    distinct: int

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status not in LIVE

    @property
    def doubled(self) -> bool:
        """Whether anything of it happened twice, or it is counted wrong."""
        short = self.status == "succeeded" and self.effects != int(self.steps or 0)
        twice = self.effects != self.distinct or self.succeeded != (self.status == "succeeded")
        return short or twice or self.attempts != self.attempt

    def __str__(self) -> str:
        words = f"{self.id} {self.status} attempts={self.attempts} failures={self.failures} effects={self.effects}"
        return f"{words} {self.error or ''}".rstrip()


@dataclass
class Stage:
    """The database, as (organisation, member) pairs, and the workers started on it."""

    directory: Path
    settings: dict[str, str]
    superuser: str
    tenants: list[tuple[UUID, UUID]]
    workers: list[Process] = field(default_factory=list)

    def worker(self, concurrency: int = 10, *queues: str) -> Process:
        """Start a worker that knows the kinds of the tests."""
        command = [sys.executable, "-m", task_kinds.HERE, str(concurrency), *queues]
        log = self.directory / f"worker{len(self.workers)}.log"
        process = Process(command, log, clean_environment(self.settings), ROOT)
        process.start(lambda: True)
        self.workers.append(process)
        return process

    def again(self, process: Process) -> None:
        """Start a worker that was killed."""
        process.start(lambda: True)

    def connect(self) -> psycopg.Connection[Any]:
        """The superuser's connection, in autocommit."""
        return psycopg.connect(self.superuser, autocommit=True)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a query on a connection of its own."""
        with self.connect() as connection:
            return connection.execute(query, values).fetchall()

    def change(self, statement: str) -> None:
        """Run a statement and commit."""
        with self.connect() as connection:
            connection.execute(statement)

    def enter(self, number: int = 0) -> None:
        """Act as the member of an organisation."""
        org_id, user_id = self.tenants[number % len(self.tenants)]
        use_scope(Scope(org_id, user_id, "member"))

    def add(self, kind: Kind[Plain], number: int = 0, **given: Any) -> UUID:
        """Queue a task of an organisation and commit."""
        self.enter(number)
        with transaction():
            return enqueue(kind, Plain(**given))

    def histories(self) -> list[History]:
        """What became of every task."""
        return [History(*row) for row in self.ask(TASKS)]

    def idle(self) -> bool:
        """Whether every task has ended."""
        return self.ask("SELECT count(*) FROM tasks WHERE status IN ('queued', 'running', 'waiting')") == [
            (0,)
        ]

    def alive(self) -> int:
        """How many workers gave a sign of life within the last seconds."""
        return int(
            self.ask("SELECT count(*) FROM workers WHERE seen_at > now() - interval '8 seconds'")[0][0]
        )

    def said(self) -> str:
        """What all workers wrote."""
        return "\n".join(worker.output() for worker in self.workers)


@contextmanager
def stage(cluster: Postgres, directory: Path, tenants: int = 10, **settings: str) -> Iterator[Stage]:
    """Make the database, act in it, and stop the workers in the end."""
    create_database(cluster.dsn(), NAME, database.TEMPLATE)
    cluster.execute(f"ALTER DATABASE {NAME} SET synchronous_commit = on")
    environment = {
        "DATABASE_URL": in_database(cluster.dsn(), NAME, OWNER),
        "DATA_DIR": str(directory / "data"),
        "SECRET_KEY": database.SECRET_KEY,
        **settings,
    }
    with ExitStack() as stack:
        stack.callback(cluster.drop_database, NAME)
        stack.enter_context(database.source(database.superuser_engine(cluster.dsn(), NAME)))
        app = create_app(database.settings(environment["DATABASE_URL"]))
        work.register(app, {**handlers.KINDS, **task_kinds.KINDS})
        stack.enter_context(app.app_context())
        stack.callback(_let_go)
        for _ in range(tenants):
            orgs.member(orgs.org())
        superuser = in_database(cluster.dsn(), NAME)
        made = Stage(directory, environment, superuser, [])
        made.tenants = made.ask("SELECT org_id, user_id FROM org_members ORDER BY id")
        stack.callback(lambda: [worker.kill() for worker in made.workers])
        stack.callback(lambda: say(made.said()[-SAID:]))
        yield made


def _let_go() -> None:
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()
