"""Tasks, from their delivery to a thread that does them."""

import ctypes
import logging
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from queue import SimpleQueue
from typing import Any, cast
from uuid import UUID

from flask import Flask
from psycopg import Connection
from psycopg import Error as DriverError
from psycopg.rows import dict_row
from sqlalchemy.exc import SQLAlchemyError

from app.db.base import db
from app.db.work import Kind
from app.tasks.repo.runs import CLAIM, Claim, Ending
from app.tasks.worker.running import AWAY, RunningTask, attempt, failure, returned, settle, settle_anyway

CHANNEL = "procrastinate_any_queue_v1"
POLL_SECONDS = 1.0
BUSY_SECONDS = 0.01
RECONNECT_SECONDS = 1.0
MOST_SECONDS = 5.0
"""The longest pause before the end of a task is written again: shorter than a worker that stops waits for it."""
KEPT_FREE = 2
"""Places of a worker that one organisation leaves to the others."""
TOO_LONG = "ran longer than {seconds} s"

_FIELDS = frozenset(column.name for column in fields(Claim))
_log = logging.getLogger(__name__)


class TooSlow(BaseException):
    """Thrown into a thread whose task has run too long."""


@dataclass
class _Place:
    """A task in a thread of this worker."""

    claim: Claim
    thread: threading.Thread
    running: RunningTask | None = None
    deadline: float = field(default=float("inf"))
    seconds: int = 0


class Dispatcher:
    """Takes tasks while there are free places, and does each in a thread."""

    def __init__(
        self, app: Flask, worker_id: UUID, concurrency: int, queues: Sequence[str], org_limit: int
    ) -> None:
        self._app = app
        self._worker_id, self._queues = worker_id, list(queues) or None
        self._concurrency, self._org_limit = concurrency, org_limit
        self._share = max(1, concurrency - KEPT_FREE)
        self._after = ""
        self._lock = threading.Lock()
        self._places: dict[tuple[UUID, int], _Place] = {}
        self._waiting: SimpleQueue[Claim] = SimpleQueue()
        self._threads = 0
        self._abandoned = 0
        self._stopping = threading.Event()
        self._handing_back = threading.Event()
        self._wake_reader, self._wake_writer = os.pipe()

    @property
    def exhausted(self) -> bool:
        """Whether so many threads hang in tasks that were given up that the process should be replaced."""
        return self._abandoned >= self._concurrency

    def run(self) -> None:
        """Take tasks until `stop`; a lost database is waited for."""
        while not self._stopping.is_set():
            try:
                with self._app.app_context(), self._connected() as connection:
                    self._serve(connection)
            except (SQLAlchemyError, DriverError) as error:
                cause = getattr(error, "orig", None) or error
                _log.warning("tasks wait for the database", extra={"reason": type(cause).__name__})
                self._stopping.wait(RECONNECT_SECONDS)

    def stop(self) -> None:
        """Take no more tasks."""
        self._stopping.set()
        self._wake()

    def finish(self, seconds: float) -> bool:
        """Wait for the running tasks, at most so long; whether all have ended."""
        deadline = time.monotonic() + seconds
        while self._places and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self._places

    def hand_back(self, seconds: float) -> None:
        """Have the running tasks end at their next step; those that do not in time are queued again all the same."""
        self._handing_back.set()
        for place in list(self._places.values()):
            if place.running:
                place.running.returning.set()
        self.finish(seconds)
        for place in list(self._places.values()):
            with self._app.app_context():
                settle_anyway(place.claim, returned())

    def held(self) -> list[UUID]:
        """The tasks in this worker's hands."""
        return [task_id for task_id, _ in list(self._places)]

    def watch(self) -> None:
        """Give up the tasks that run too long: their attempt has failed, and their thread is told to end."""
        for key, place in list(self._places.items()):
            if time.monotonic() < place.deadline:
                continue
            reason = TOO_LONG.format(seconds=place.seconds)
            with self._app.app_context():
                settle_anyway(place.claim, failure(place.claim, "late", reason))
            with self._lock:
                if self._places.pop(key, None) is None:
                    continue
                self._threads -= 1
                self._abandoned += 1
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(place.thread.ident or 0), ctypes.py_object(TooSlow)
            )
            self._wake()

    @contextmanager
    def _connected(self) -> Iterator[Connection[dict[str, Any]]]:
        """A connection of the application's role that becomes readable when a task is committed."""
        fairy = db.engine.raw_connection()
        try:
            connection = cast("Connection[dict[str, Any]]", fairy.dbapi_connection)
            connection.rollback()  # The pool has begun a transaction.
            connection.autocommit = True
            connection.prepare_threshold = 0
            connection.row_factory = dict_row
            connection.execute(f"LISTEN {CHANNEL}")
            connection.execute("SET ROLE agentpress_app")
            yield connection
        finally:
            fairy.invalidate()

    def _serve(self, connection: Connection[dict[str, Any]]) -> None:
        while not self._stopping.is_set():
            free = self._concurrency - len(self._places)
            claims, busy = self._claim(connection, free) if free > 0 else ([], False)
            for claim in claims:
                self._start(claim)
            if busy:
                self._stopping.wait(BUSY_SECONDS)
            elif len(claims) < free or free <= 0:
                self._rest(connection)

    def _claim(self, connection: Connection[dict[str, Any]], free: int) -> tuple[list[Claim], bool]:
        """Tasks for the free places, and whether another worker was in the way."""
        values = (self._worker_id, self._queues, self._after, free, self._org_limit, self._share)
        rows = connection.execute(CLAIM, values).fetchall()
        if rows:
            self._after = rows[-1]["place"]
        claims = [
            Claim(**{name: value for name, value in row.items() if name in _FIELDS})
            for row in rows
            if row["task_id"]
        ]
        return claims, bool(rows) and not claims

    def _rest(self, connection: Connection[dict[str, Any]]) -> None:
        """Wait for a task, a free place or the next poll."""
        ready, _, _ = select.select([connection.fileno(), self._wake_reader], [], [], POLL_SECONDS)
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
        if connection.fileno() in ready:
            for _ in connection.notifies(timeout=0):
                pass

    def _wake(self) -> None:
        os.write(self._wake_writer, b".")

    def _start(self, claim: Claim) -> None:
        with self._lock:
            self._places[claim.task_id, claim.attempt] = _Place(claim, threading.current_thread())
            short = self._threads < len(self._places)
            self._threads += short
        self._waiting.put(claim)
        if short:
            threading.Thread(target=self._work, name="task", daemon=True).start()

    def _work(self) -> None:
        """Do one task after the other, until one of them was given up."""
        kept = True
        while kept:
            claim = self._waiting.get()
            try:
                with self._app.app_context():
                    kept = self._do(claim)
            except TooSlow:
                kept = False
        with self._lock:
            self._abandoned -= 1

    def _do(self, claim: Claim) -> bool:
        place = self._places[claim.task_id, claim.attempt]
        place.thread = threading.current_thread()

        def begun(running: RunningTask, kind: Kind[Any]) -> None:
            place.running, place.seconds = running, kind.seconds
            place.deadline = time.monotonic() + kind.seconds

        ending = attempt(claim, begun)
        place.deadline = float("inf")  # the end of a task that has come to it may have to wait
        if ending is None:
            _log.warning("lost lease", extra={"task_id": str(claim.task_id), "attempt": claim.attempt})
        else:
            self._settle(claim, ending)
        return self._leave(claim)

    def _settle(self, claim: Claim, ending: Ending) -> None:
        """Write the end down, as soon as the database can be reached; once more when the worker ends.

        After any other error the task is left: the reaper finds it, held by nobody, and counts a loss.
        """
        pause, last = RECONNECT_SECONDS, False
        while True:
            try:
                settle(*_key(claim), ending)
            except AWAY as error:
                _log.warning("task waits for the database", extra={"reason": type(error).__name__})
            except Exception:  # noqa: BLE001 - whatever it is, the place is for others
                _log.exception("task is left unsettled", extra={"task_id": str(claim.task_id)})
                return
            else:
                return
            if last:
                return
            last = self._handing_back.wait(pause)
            pause = min(2 * pause, MOST_SECONDS)

    def _leave(self, claim: Claim) -> bool:
        """Free the place; False if it was freed before."""
        with self._lock:
            mine = self._places.pop((claim.task_id, claim.attempt), None) is not None
        self._wake()
        return mine


def _key(claim: Claim) -> tuple[UUID, UUID, int]:
    return claim.org_id, claim.task_id, claim.attempt
