"""The worker's process: mail and clean-up in the main thread, tasks, heartbeat, reaper and schedules beside it."""

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from psycopg import Connection
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from app.db.queue import MAIL, listening
from app.db.session import transaction
from app.db.work import ANSWERS
from app.knowledge.services.upkeep import queue_due_crawls
from app.late import load
from app.tasks.repo.runs import RunRepo
from app.tasks.repo.upkeep import WorkerRepo
from app.tasks.services.cleaning import clean_up
from app.tasks.services.failures import tell_failures
from app.tasks.services.mail import deliver_one
from app.tasks.services.schedules import tick
from app.tasks.worker.dispatch import Dispatcher
from app.tasks.worker.running import give_back, lost, settle_anyway

BEAT_SECONDS = 5
CLEAN_SECONDS = 3600
RECONNECT_SECONDS = 1
WATCH_SECONDS = 1
TICK_SECONDS = 1
TELL_SECONDS = 30
KNOWLEDGE_SECONDS = 15
DUTY_SECONDS = 15
STALLED = timedelta(seconds=30)
STEADY_SECONDS = 12
"""How long the own heartbeat must have been regular before others are judged: after an outage everyone is late."""
REAPED = 100
FINISH_SECONDS = 8
RETURN_SECONDS = 3

_log = logging.getLogger(__name__)


class Worker:
    """One process beside the web server; several may run, each message and each task is done by one of them."""

    def __init__(
        self, app: Flask, queues: Sequence[str] = (), concurrency: int = 10, answers: int = 10
    ) -> None:
        self._app = app
        self._id = uuid7()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._clean_at = 0.0
        self._steady_since = self._beat_at = time.monotonic()
        self._wake_reader, self._wake_writer = os.pipe()
        org_limit = app.extensions["settings"].tasks_per_org
        self._dispatchers = [
            Dispatcher(app, self._id, places, names, org_limit)
            for places, names in shares(queues, concurrency, answers)
        ]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; what runs is finished or handed back. A lost database is waited for."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        _log.info("worker started", extra={"worker_id": str(self._id)})
        started = False
        while not self._stopping.is_set():
            try:
                self._beat()
                started = started or self._start_duties()
                self._serve()
            except (SQLAlchemyError, DriverError) as error:
                _waits("worker", error)
                select.select([self._wake_reader], [], [], RECONNECT_SECONDS)
        self._finish()
        _log.info("worker stopped", extra={"worker_id": str(self._id)})

    def _stop(self, *_signal: Any) -> None:
        self._stopping.set()
        os.write(self._wake_writer, b".")

    def _start_duties(self) -> bool:
        self._repeat("heart", BEAT_SECONDS, self._beat)
        self._repeat("watch", WATCH_SECONDS, self._watch)
        self._repeat("reaper", BEAT_SECONDS, self._reap)
        self._repeat("clock", TICK_SECONDS, self._tick)
        self._repeat("notices", TELL_SECONDS, self._tell)
        self._repeat("knowledge", KNOWLEDGE_SECONDS, self._keep_knowledge)
        for name, path in self._app.extensions["duties"].items():
            self._repeat(name, DUTY_SECONDS, partial(self._do, path))
        for dispatcher in self._dispatchers:
            threading.Thread(target=dispatcher.run, name="dispatcher", daemon=True).start()
        return True

    def _repeat(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Do this every so many seconds in a thread of its own, until the process ends."""

        def loop() -> None:
            pause = seconds
            while not self._ended.wait(pause):
                pause = seconds
                try:
                    act()
                except (SQLAlchemyError, DriverError) as error:
                    _waits(name, error)
                    pause = RECONNECT_SECONDS
                except Exception:  # noqa: BLE001 - one mistake must not end the duty
                    _log.exception("worker duty failed", extra={"duty": name})

        threading.Thread(target=loop, name=name, daemon=True).start()

    def _finish(self) -> None:
        """Finish or hand back what runs, then leave."""
        for dispatcher in self._dispatchers:
            dispatcher.stop()
        try:
            until = time.monotonic() + FINISH_SECONDS
            left = [one for one in self._dispatchers if not one.finish(until - time.monotonic())]
            for dispatcher in left:
                dispatcher.hand_back(RETURN_SECONDS)
            self._ended.set()
            with self._app.app_context(), transaction():
                WorkerRepo().remove(self._id)
        except (SQLAlchemyError, DriverError) as error:
            _waits("worker", error)
        self._ended.set()

    def _serve(self) -> None:
        with self._app.app_context(), listening(MAIL) as bell:
            while not self._stopping.is_set():
                self._clean_if_due()
                if not self._deliver():
                    self._rest(bell)

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at > 2 * BEAT_SECONDS:
            self._steady_since = time.monotonic()
        with self._app.app_context(), transaction():
            WorkerRepo().beat(self._id)
        self._beat_at = time.monotonic()

    def _watch(self) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.watch()
        if any(dispatcher.exhausted for dispatcher in self._dispatchers):
            _log.error("too many tasks hang; the worker ends so that another takes its place")
            os.kill(os.getpid(), signal.SIGTERM)

    def _reap(self) -> None:
        """Take tasks away from workers that give no sign of life, and give back what this one does not hold."""
        now = time.monotonic()
        if now - self._beat_at > 2 * BEAT_SECONDS or now - self._steady_since < STEADY_SECONDS:
            return
        with self._app.app_context():
            with transaction():
                stalled = RunRepo().stalled(STALLED, REAPED)
                held = [task_id for dispatcher in self._dispatchers for task_id in dispatcher.held()]
                dropped = RunRepo().dropped(self._id, held)
            for claim in dropped:
                give_back(claim)
            for claim in stalled:
                settle_anyway(claim, lost(claim))

    def _tick(self) -> None:
        with self._app.app_context():
            while not self._stopping.is_set() and tick():
                pass

    def _tell(self) -> None:
        with self._app.app_context():
            tell_failures()

    def _keep_knowledge(self) -> None:
        with self._app.app_context():
            queue_due_crawls()

    def _do(self, path: str) -> None:
        """A duty of another domain."""
        with self._app.app_context():
            load(path)()

    def _clean_if_due(self) -> None:
        if time.monotonic() < self._clean_at:
            return
        self._clean_at = time.monotonic() + CLEAN_SECONDS
        with self._app.app_context():
            clean_up()

    def _deliver(self) -> bool:
        with self._app.app_context():
            return deliver_one()

    def _rest(self, bell: Connection[Any]) -> None:
        """Wait for mail, a signal, or a while."""
        ready, _, _ = select.select([bell.fileno(), self._wake_reader], [], [], BEAT_SECONDS)
        if bell.fileno() in ready:
            for _ in bell.notifies(timeout=0):
                pass


def shares(queues: Sequence[str], concurrency: int, answers: int) -> list[tuple[int, list[str]]]:
    """Places and the queues they are for: answers have their own, the others share theirs; a minus leaves one out."""
    others = [name for name in queues if name != ANSWERS]
    found = [(answers, [ANSWERS])] if not queues or ANSWERS in queues else []
    return [*found, (concurrency, others or [f"-{ANSWERS}"])] if others or not queues else found


def _waits(name: str, error: Exception) -> None:
    cause = getattr(error, "orig", None) or error
    _log.warning("%s waits for the database", name, extra={"reason": type(cause).__name__})
