"""A web server on loopback that gives the answers a test names, and what permits calls to it."""

import http.server
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from flask import Flask


class _Requests(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))  # else the connection is reset at its end
        self.server.seen.append((self.path, dict(self.headers)))
        time.sleep(self.server.slow.get(self.path, 0))
        status, headers, body = self.server.answers.get(self.path.partition("?")[0], (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name http.server asks for

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(**answers: tuple[int, dict[str, str], bytes]) -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Requests)
    server.answers = {f"/{name}": answer for name, answer in answers.items()}
    server.seen = []
    server.slow = {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


class _Drops(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(65_536)
        with suppress(OSError):
            self.request.sendall(self.server.begin)
            while not self.server.ended.wait(0.05):
                self.request.sendall(self.server.piece)


@contextmanager
def dripping(begin: bytes, piece: bytes) -> Iterator[socketserver.ThreadingTCPServer]:
    """A server that begins an answer, then sends the same piece again and again."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Drops)
    server.begin, server.piece, server.ended = begin, piece, threading.Event()
    server.server_port = server.server_address[1]
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@contextmanager
def permitting(app: Flask) -> Iterator[Callable[..., None]]:
    """A function that permits ports of this machine for one kind, inside the application."""
    before = app.extensions["settings"]

    def permit(*servers: socketserver.TCPServer, kind: str = "tool", host: str = "127.0.0.1") -> None:
        listed = frozenset((kind, host, server.server_port) for server in servers)
        app.extensions["settings"] = replace(before, outbound_allow=listed)

    with app.app_context():
        yield permit
    app.extensions["settings"] = before
