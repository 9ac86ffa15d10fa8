"""Those who wait in this process for what runs tell: one connection hears for all of them."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from uuid import UUID

from flask import Flask, current_app
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from app.db.queue import EVENTS, Call, listening

RECONNECT_SECONDS = 1.0
LOOK_SECONDS = 10.0
"""How often the server is asked for a sign of life while nothing is called."""
MOST_WAITING = 100
"""Calls that wait for a slow follower; it looks for itself at what it has missed."""

_log = logging.getLogger(__name__)


class Line:
    """What one follower hears of its task. Some calls may be missing: the numbers of the events say so."""

    def __init__(self) -> None:
        self._calls: Queue[Call] = Queue(MOST_WAITING)

    def hear(self, seconds: float) -> Call | None:
        """The next call; None if there is none in this time."""
        try:
            return self._calls.get(timeout=seconds)
        except Empty:
            return None

    def pass_on(self, call: Call) -> None:
        """Have the follower hear it, unless too many wait already."""
        try:
            self._calls.put_nowait(call)
        except Full:
            return


class Followers:
    """Lines by task; the thread that speaks into them begins with the first follower."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._lines: defaultdict[str, set[Line]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    @contextmanager
    def following(self, task_id: UUID) -> Iterator[Line]:
        """A line on which the calls of the task are heard."""
        line, key = Line(), str(task_id)
        with self._lock:
            self._lines[key].add(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="followers", daemon=True)
                self._thread.start()
        try:
            yield line
        finally:
            with self._lock:
                self._lines[key].discard(line)
                if not self._lines[key]:
                    del self._lines[key]

    def _listen(self) -> None:
        """Pass on for ever; after a lost connection everybody looks for what was missed."""
        pause = threading.Event()
        while True:
            try:
                with self._app.app_context(), listening(EVENTS) as connection:
                    for key in list(self._lines):
                        self._pass_on(Call(key))
                    while True:
                        for heard in connection.notifies(timeout=LOOK_SECONDS):
                            self._pass_on(Call.read(heard.payload))
                        connection.execute("SELECT 1")
            except (SQLAlchemyError, DriverError) as error:
                _log.warning("followers wait for the database", extra={"reason": type(error).__name__})
                pause.wait(RECONNECT_SECONDS)

    def _pass_on(self, call: Call) -> None:
        with self._lock:
            for line in self._lines.get(call.task_id, ()):
                line.pass_on(call)


def register(app: Flask) -> None:
    """Give the application its followers."""
    app.extensions["followers"] = Followers(app)


def followers() -> Followers:
    """Those of the running application."""
    found = current_app.extensions["followers"]
    assert isinstance(found, Followers)
    return found
