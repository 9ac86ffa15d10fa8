"""Where the thread measurements happen: a filled database, the application on it, and bare psycopg beside it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import event

from app import create_app
from app.db.base import db
from app.db.scope import Scope, use_scope
from app.threads.repo.threads import Viewer
from app.web.listing import ListSpec, ListState
from bench.kept import Filled
from bench.rounds import Call
from tests.support.database import settings

LIMIT_SECONDS = 60
_OPTIONS = (
    f"-c timezone=UTC -c search_path=public -c statement_timeout={LIMIT_SECONDS}s -c jit=off"
    " -c random_page_cost=1.1"
)
_SET = (
    "SELECT set_config('role', 'agentpress_app', {local}), set_config('app.org_id', %s, {local}),"
    " set_config('app.user_id', %s, {local})"
)
_HEAVY = "SELECT org_id, user_id, count(*) FROM threads WHERE user_id IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1"
_TYPICAL = """
    SELECT user_id, count(*) FROM threads WHERE org_id = %s AND user_id IS NOT NULL
     GROUP BY 1 ORDER BY abs(count(*) - (SELECT count(*) / 1333 FROM threads)) LIMIT 1
"""
Statement = tuple[str, Any]


@dataclass
class Place:
    """One filled database.

    `bare` names its scope in each transaction, as the product does, `acting` is in the largest organisation for good,
    `original` sees everything.
    """

    app: Any
    org_id: UUID
    heavy: UUID
    typical: UUID
    bare: psycopg.Connection
    acting: psycopg.Connection
    original: psycopg.Connection

    @property
    def viewer(self) -> Viewer:
        """An owner of the largest organisation."""
        return Viewer(self.heavy, sees_all=True)

    def state(self, q: str = "", **more: Any) -> ListState:
        """The state of a list that is searched for something."""
        return ListState(path="/", spec=ListSpec(sorts={}, default_sort=""), q=q, **more)

    def product(self, call: Call) -> Call:
        """A call as a request makes it: with its scope, in a transaction of its own, ended afterwards."""

        def run() -> object:
            session = db.session()
            use_scope(Scope(self.org_id, self.heavy))
            try:
                return call()
            finally:
                session.rollback()

        return run

    def recorded(self, call: Call) -> list[Statement]:
        """The statements that a call sends, those that set the scope included."""
        sent: list[Statement] = []

        def note(
            _connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: Any
        ) -> None:
            sent.append((statement, values))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            call()
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return sent

    def limit(self, sent: Sequence[Statement]) -> Call:
        """The same statements through bare prepared psycopg, in one transaction."""

        def run() -> object:
            with self.bare.transaction():
                for statement, values in sent:
                    self.bare.execute(statement, values, prepare=True).fetchall()

        return run

    def plain(self, sent: Sequence[Statement]) -> Call:
        """The same statements but those of the scope, each by itself, as the original form is asked."""
        wanted = [(statement, values) for statement, values in sent if "set_config" not in statement]

        def run() -> object:
            for statement, values in wanted:
                self.acting.execute(statement, values, prepare=True).fetchall()

        return run

    def asked(self, statement: str, *values: object) -> Callable[[], list[tuple[Any, ...]]]:
        """A query of the original form."""
        return lambda: self.original.execute(statement, values, prepare=True).fetchall()

    def ping(self) -> None:
        """A fixed piece of work for both sides of the connection."""
        sum(range(2_000))
        self.original.execute("SELECT sum(n) FROM generate_series(1, 2000) n").fetchone()


def scoped(address: str, org_id: UUID, user_id: UUID) -> psycopg.Connection:
    """A connection that is the application in an organisation until it ends."""
    connection = psycopg.connect(address, autocommit=True, options=_OPTIONS)
    connection.execute(_SET.format(local="false"), (str(org_id), str(user_id)))
    connection.prepare_threshold = 0
    return connection


@contextmanager
def place(filled: Filled, **environment: str) -> Iterator[Place]:
    """The application on a filled database, inside its context."""
    app = create_app(settings(filled.owner, **environment))
    with (
        psycopg.connect(filled.superuser, autocommit=True, options=_OPTIONS) as original,
        psycopg.connect(filled.owner, autocommit=True, options=_OPTIONS) as bare,
        app.app_context(),
    ):
        org_id, heavy, _ = original.execute(_HEAVY).fetchone()
        (typical, _) = original.execute(_TYPICAL, (org_id,)).fetchone()
        bare.prepare_threshold = 0
        with scoped(filled.owner, org_id, heavy) as acting:
            yield Place(app, org_id, heavy, typical, bare, acting, original)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def seconds(call: Call) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
