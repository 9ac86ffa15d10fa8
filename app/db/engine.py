"""The engines: pools, limits per statement and lock, and how long the product waits for a server that is silent.

The server ends its own statements and lock waits, but one that is frozen or cut off enforces nothing. So every wait
has a limit on this side as well, a connection is asked for a sign of life before use, and for a moment after a
silence no other request waits for the same server.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from flask import Flask
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from psycopg import Connection, errors, generators
from psycopg.abc import RV, PQGen
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.json import set_json_loads
from sqlalchemy import Connection as EngineConnection
from sqlalchemy import Engine, ExceptionContext, QueuePool, event
from sqlalchemy.exc import InvalidatePoolError, InvalidRequestError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import PoolProxiedConnection

from app.db.base import db
from app.db.numbers import read_json

CONNECT_SECONDS = 2
POOL_WAIT_SECONDS = 2
PING_SECONDS = 2
GRACE_SECONDS = 2
SILENCE_SECONDS = 1
MAIN_SECONDS = 15
FILES_AT_ONCE = 4
"""Files that a process sends as it reads them; each holds a connection for long reads until its reader has it."""
ANALYTICS_SECONDS = 30
_READING = "-c default_transaction_read_only=on -c cursor_tuple_fraction=1"
"""Every cursor is read to its end: what comes first need not come soon."""

PREPARED = {"prepared": True}
"""The option of statements that each connection parses and plans once: those on the way to most pages.

They find rows by their keys. Nothing else is prepared: lists, searches and counts need plans for their values.
"""
NEVER = 2**31
"""How often psycopg is to see a statement before it prepares it by itself."""

_REFUSING = (errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout)
"""What is no fault of a statement: a server that takes no changes for now, and one that has ended the transaction."""


# Before any connection is made: each takes over what is registered then. The dumper names no type: the server takes
# that of the cast beside the value, and reads bytes instead of some 30,000 digits.
psycopg.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
set_json_loads(read_json)


class NoAnswer(errors.OperationalError):
    """The server is connected but silent; the connection is given up."""


class PatientConnection(Connection[Any]):
    """A connection that waits `patience` seconds for each answer (None: for ever) and is closed by a longer silence."""

    patience: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run a step of the protocol. NoAnswer when the patience ends; a `timeout` of the caller's is the caller's."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except errors._WaitTimeout as silence:  # noqa: SLF001 - what the base method documents
            self.close()
            raise NoAnswer("the database server does not answer") from silence

    def ping(self) -> None:
        """Forget what was set for the session and begin a transaction, in one trip: a sign of life.

        OperationalError or NoAnswer.
        """
        self.pgconn.send_query(b"RESET ROLE; RESET ALL; BEGIN")
        with self.patient(PING_SECONDS):
            (*_, result) = self.wait(generators.execute(self.pgconn))
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.OperationalError("the server ended the connection")

    def rollback(self) -> None:
        """End the transaction; what is prepared stays, which psycopg would forget, unless a statement has failed.

        It forgets for the sake of things that the transaction made, whose plans the server itself throws away.
        """
        if self.info.transaction_status != TransactionStatus.INTRANS:
            super().rollback()
            return
        self.pgconn.send_query(b"ROLLBACK")
        (result,) = self.wait(generators.execute(self.pgconn))
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.OperationalError("the server ended the connection")

    @contextmanager
    def patient(self, seconds: float | None) -> Iterator[None]:
        """Another patience for a while."""
        self.patience, before = seconds, self.patience
        try:
            yield
        finally:
            self.patience = before


class PatientPool(QueuePool):
    """A pool that says when it gives up: connections that the server ends one after another are a database away."""

    def connect(self) -> PoolProxiedConnection:
        """A connection that was alive a moment ago. Raises PoolTimeout when none stays so, or none is free."""
        try:
            return super().connect()
        except InvalidRequestError as error:
            raise PoolTimeout("the database server ended each connection that was tried") from error


# A pool logs under its class; this one is to be as silent as those of the library.
logging.getLogger(f"{PatientPool.__module__}.{PatientPool.__name__}").setLevel(logging.WARNING)


class _Guard:
    """Connects, pings and remembers silences of one engine's server."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._silent_until = 0.0

    def watch(self, engine: Engine) -> None:
        """Stand in front of the engine's pool."""
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "checkout", self._check)
        event.listen(engine, "do_execute", _prepared)

    def _connect(self, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        with self._noting_silence():
            connection = PatientConnection.connect(*arguments, **options)
        connection.patience = self._patience
        connection.prepare_threshold = NEVER
        return connection

    def _check(self, connection: PatientConnection, _record: Any, _fairy: Any) -> None:
        try:
            with self._noting_silence():
                connection.ping()
        except NoAnswer:
            raise
        except errors.OperationalError as error:
            raise InvalidatePoolError("the connection was lost") from error

    @contextmanager
    def _noting_silence(self) -> Iterator[None]:
        if time.monotonic() < self._silent_until:
            raise NoAnswer("the database server did not answer a moment ago")
        try:
            yield
        except (NoAnswer, errors.ConnectionTimeout):
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            raise


def _prepared(cursor: Any, statement: str, values: Any, context: Any) -> bool:
    """Run a statement that is `PREPARED` with the plan that its connection keeps of it; the others are planned anew."""
    prepared = bool(context.execution_options.get("prepared"))
    if prepared:
        cursor.execute(statement, values, prepare=True)
    return prepared


def main_options() -> dict[str, Any]:
    """The engine of ordinary pages: a statement ends after 15 s, a lock wait after 4 s."""
    return _options(pool_size=10, max_overflow=10, seconds=MAIN_SECONDS)


def analytics_options() -> dict[str, Any]:
    """The engine of long reads: read-only, a statement ends after 30 s, two connections beside those of files."""
    return _options(pool_size=2 + FILES_AT_ONCE, max_overflow=0, seconds=ANALYTICS_SECONDS, more=_READING)


def _options(*, pool_size: int, max_overflow: int, seconds: int, more: str = "") -> dict[str, Any]:
    limits = (
        f"-c statement_timeout={seconds * 1000} -c lock_timeout=4000 -c idle_in_transaction_session_timeout=60000 "
        f"-c client_connection_check_interval=500 -c timezone=UTC -c search_path=public -c random_page_cost=1.1 {more}"
    )
    return {
        "poolclass": PatientPool,
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": POOL_WAIT_SECONDS,
        "pool_recycle": 1800,
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": CONNECT_SECONDS,
            "options": limits.strip(),
            "application_name": "agentpress",
        },
    }


def without_limit(connection: EngineConnection) -> None:
    """Wait for ever on this connection, for migrations."""
    cast("PatientConnection", connection.connection.dbapi_connection).patience = None


def _as_away(context: ExceptionContext) -> OperationalError | None:
    """The error as one of a database that is away, where it is one of those that refuse."""
    cause = context.original_exception
    if not isinstance(cause, _REFUSING):
        return None
    return OperationalError(context.statement, None, cause, hide_parameters=True)


def register(app: Flask) -> None:
    """Guard the application's engines."""
    with app.app_context():
        for name, engine in db.engines.items():
            _Guard((ANALYTICS_SECONDS if name else MAIN_SECONDS) + GRACE_SECONDS).watch(engine)
        event.listen(db.engine, "handle_error", _as_away, retval=True)
