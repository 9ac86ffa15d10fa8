"""A server that a tool calls: it counts the calls, and answers them when it is told to."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.orgs.models import Org
from tests.factories import tools

LONG = 120
SCHEMA = {"type": "object", "properties": {"time_zone": {"type": "string"}}, "required": ["time_zone"]}


class Called(http.server.ThreadingHTTPServer):
    """What the tool calls: counts the calls by time zone; while it is not `open` none is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.calls: Counter[str] = Counter()
        self.open = threading.Event()
        self.open.set()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Called

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls[asked["time_zone"]] += 1
        self.server.open.wait(LONG)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def called_server() -> Iterator[Called]:
    server = Called()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()


def calling_tool(org: Org, server: Called) -> dict[str, Any]:
    """Store a tool `book` that calls the server; as a version keeps it, in mode Ask."""
    config = {"method": "POST", "seconds": 60}
    made = tools.tool(org, f"{server.url}/book", name="book", input_schema=SCHEMA, config=config)
    return {"id": str(made.id), "name": "book", "input_schema": SCHEMA, "approval": "ask"}
