"""Clients that take nothing of their answer lose the connection after a while, and with it what waits for them.

gunicorn waits for ever for a client to take what it sends. A thread waits meanwhile, and with a list that is sent as it
is read also a place for files and a snapshot of the database.
"""

import logging
import socket

from flask import Flask, request

STALLED_SECONDS = 45
"""How long a client may take no byte at all: less than the minute after which the database ends an idle transaction."""


def _limit() -> None:
    """Have the system end the connection of a client that leaves sent bytes lying for so long (tcp(7))."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)


def _plainly(record: logging.LogRecord) -> bool:
    """Say in a line what the server tells of such a client with its stack."""
    if record.exc_info and isinstance(record.exc_info[1], TimeoutError):
        record.msg, record.args, record.exc_info = "a client took nothing of its answer", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def register(app: Flask) -> None:
    """Limit how long an answer waits for its client."""
    app.before_request(_limit)
    logging.getLogger("gunicorn.error").addFilter(_plainly)
