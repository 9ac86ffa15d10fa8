"""Those who wait in this process for what runs tell: one connection hears for all of them."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from flask import Flask, current_app
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from app.db.queue import EVENTS, listening

RECONNECT_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Followers:
    """Bells by task; the thread that rings them begins with the first follower."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._bells: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    @contextmanager
    def following(self, task_id: UUID) -> Iterator[threading.Event]:
        """A bell that rings when the task has told something, and now and then without cause."""
        bell, key = threading.Event(), str(task_id)
        with self._lock:
            self._bells[key].add(bell)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="followers", daemon=True)
                self._thread.start()
        try:
            yield bell
        finally:
            with self._lock:
                self._bells[key].discard(bell)
                if not self._bells[key]:
                    del self._bells[key]

    def _listen(self) -> None:
        """Ring for ever; after a lost connection everybody looks for what was missed."""
        pause = threading.Event()
        while True:
            try:
                with self._app.app_context(), listening(EVENTS) as connection:
                    self._ring(*self._bells)
                    for heard in connection.notifies():
                        self._ring(heard.payload)
            except (SQLAlchemyError, DriverError) as error:
                _log.warning("followers wait for the database", extra={"reason": type(error).__name__})
                pause.wait(RECONNECT_SECONDS)

    def _ring(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                for bell in self._bells.get(key, ()):
                    bell.set()


def register(app: Flask) -> None:
    """Give the application its followers."""
    app.extensions["followers"] = Followers(app)


def followers() -> Followers:
    """Those of the running application."""
    found = current_app.extensions["followers"]
    assert isinstance(found, Followers)
    return found
