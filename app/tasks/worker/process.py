"""The worker's loop: heartbeat, mail as soon as it is committed, and an hourly clean-up."""

import logging
import os
import select
import signal
import time
from typing import Any

from flask import Flask
from psycopg import Connection
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from app.db.queue import mail_bell
from app.db.session import transaction
from app.tasks.repo.upkeep import WorkerRepo
from app.tasks.services.cleaning import clean_up
from app.tasks.services.mail import deliver_one

BEAT_SECONDS = 5
CLEAN_SECONDS = 3600
RECONNECT_SECONDS = 1

_log = logging.getLogger(__name__)


class Worker:
    """One process beside the web server; several may run, each message is sent by one of them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._id = uuid7()
        self._stopping = False
        self._clean_at = 0.0
        self._wake_reader, self._wake_writer = os.pipe()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; what is being sent is finished first. A lost database is waited for."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        _log.info("worker started", extra={"worker_id": str(self._id)})
        while not self._stopping:
            try:
                self._serve()
            except (SQLAlchemyError, DriverError) as error:
                cause = getattr(error, "orig", None) or error
                _log.warning("worker waits for the database", extra={"reason": type(cause).__name__})
                select.select([self._wake_reader], [], [], RECONNECT_SECONDS)
        _log.info("worker stopped", extra={"worker_id": str(self._id)})

    def _stop(self, *_signal: Any) -> None:
        self._stopping = True
        os.write(self._wake_writer, b".")

    def _serve(self) -> None:
        with self._app.app_context(), mail_bell() as bell:
            while not self._stopping:
                self._beat()
                self._clean_if_due()
                if not self._deliver():
                    self._rest(bell)
        with self._app.app_context(), transaction():
            WorkerRepo().remove(self._id)

    def _beat(self) -> None:
        with self._app.app_context(), transaction():
            WorkerRepo().beat(self._id)

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
        """Wait for mail, a signal, or the next heartbeat."""
        ready, _, _ = select.select([bell.fileno(), self._wake_reader], [], [], BEAT_SECONDS)
        if bell.fileno() in ready:
            for _ in bell.notifies(timeout=0):
                pass
