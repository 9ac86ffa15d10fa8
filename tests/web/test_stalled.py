"""Clients that take nothing of their answer; over a real server: SL-5."""

import logging
import socket

import pytest

from app.web import stalled


@pytest.fixture
def ends():
    """Both ends of a connection, that of the server first."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    with reader, server:
        yield server, reader


def test_whoever_takes_nothing_of_an_answer_is_not_waited_for_long(client, ends):
    client.get("/healthz", environ_overrides={"gunicorn.socket": ends[0]})
    assert ends[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000


def test_the_wait_for_whoever_takes_nothing_ends(client, ends, monkeypatch):
    monkeypatch.setattr(stalled, "STALLED_SECONDS", 1)
    client.get("/healthz", environ_overrides={"gunicorn.socket": ends[0]})
    with pytest.raises(TimeoutError):
        ends[0].sendall(bytes(2**26))


def test_a_socket_that_no_network_is_behind_is_left_as_it_is(client):
    server, proxy = socket.socketpair()
    with server, proxy:
        assert client.get("/healthz", environ_overrides={"gunicorn.socket": server}).status_code == 200


def test_the_log_has_one_line_for_it(app, caplog):
    log = logging.getLogger("gunicorn.error")
    with caplog.at_level(logging.INFO, "gunicorn.error"):
        for error in (TimeoutError(110, "timed out"), OSError(5, "input/output")):
            try:
                raise error
            except OSError:
                log.exception("Socket error processing request.")
    first, second = caplog.records[-2:]
    assert (first.levelname, first.getMessage()) == ("WARNING", "a client took nothing of its answer")
    assert first.exc_info is None
    assert (second.levelname, second.getMessage()) == ("ERROR", "Socket error processing request.")
    assert second.exc_info
