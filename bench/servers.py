"""gunicorn against granian: a list page alone, and beside 50 open streams. Needs wrk, and granian installed."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from app.web.security import session_cookie_name
from bench.product import AGENTS, FILL, product, resident
from bench.report import line, table
from tests.factories import auth, orgs
from tests.support.live import Live

CONNECTIONS = 16
STREAMS = 50
SECONDS = 8
ROUNDS = 3
APP = "bench.streams:app"
GUNICORN = ["gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}"]
GRANIAN = ["granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}"]
SERVERS = {
    "gunicorn, 1 process of 100 threads": [
        *GUNICORN, "--worker-class", "gthread", "--workers", "1", "--threads", "100", APP
    ],
    "gunicorn, 2 processes of 50 threads": [
        *GUNICORN, "--worker-class", "gthread", "--workers", "2", "--threads", "50", APP
    ],
    "granian, 1 process of 100 threads": [*GRANIAN, "--workers", "1", "--blocking-threads", "100", APP],
    "granian, 2 processes of 50 threads": [*GRANIAN, "--workers", "2", "--blocking-threads", "50", APP],
}  # fmt: skip


Figures = tuple[float, float, float, float, float, float, str]


def main() -> None:
    """Measure each server in turn, the order reversed each round; the best round counts."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not on PATH.")
    with product() as (live, _):
        org = orgs.org(slug="bench")
        cookie = f"{session_cookie_name()}={auth.sign_in_token(orgs.member(org, 'owner'))}"
        with live.connect() as connection:
            connection.execute(FILL, {"org": org.id, "count": AGENTS})
            connection.execute("VACUUM (ANALYZE)")
        found: dict[str, list[Figures]] = {name: [] for name in SERVERS}
        for number in range(ROUNDS):
            for name in list(SERVERS)[:: -1 if number % 2 else 1]:
                found[name].append(_measure(live, SERVERS[name], cookie))
    alone, beside = ("a second", "p50 ms", "p99 ms"), ("beside streams", "p50 ms", "p99 ms")
    table("server", *alone, *beside, "MB of the largest process")
    for name, rounds in found.items():
        best = max(rounds)
        line(name, *(f"{figure:.0f}" for figure in best[:-1]), best[-1])


def _measure(live: Live, command: list[str], cookie: str) -> Figures:
    port = live.settings["PORT"]
    live.web.stop()
    live.web.arguments = [sys.executable, "-m", *(part.format(port=port) for part in command)]
    live.web.begin()
    quiet = _load(live.url, cookie)
    with _streams(int(port)):
        busy = _load(live.url, cookie)
    return *quiet, *busy, resident(live.web.pid)


def _load(url: str, cookie: str) -> tuple[float, float, float]:
    """Pages a second, their median and 99th percentile in ms, of 16 connections; RuntimeError if some are refused.

    An answer after more than 2 s counts as 2 s.
    """
    options = [f"-c{CONNECTIONS}", "-t1", f"-d{SECONDS}s", "--latency", "-H", f"Cookie: {cookie}"]
    command = [str(shutil.which("wrk")), *options, f"{url}/o/bench/members"]
    said = subprocess.run(  # noqa: S603 - wrk, on our own address
        command, capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None
    return float(rate[1]), _milliseconds(said, "50%"), _milliseconds(said, "99%")


def _milliseconds(said: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)\b", said)
    assert found is not None
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


@contextmanager
def _streams(port: int) -> Iterator[None]:
    """50 open streams, each of which has begun."""
    with ExitStack() as stack:
        for _ in range(STREAMS):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            stream.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert stream.recv(12).endswith(b"200"), "a stream was refused"
        yield
