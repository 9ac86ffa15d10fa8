"""What pages, processes and starts cost, measured on the running product with 10,000 agents. Times are medians."""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

from bench.report import line, median_ms, table
from tests.factories import auth, orgs
from tests.support.database import start_cluster
from tests.support.live import Live, LiveClient
from tests.support.postgres import Postgres
from tests.support.processes import wait_until

AGENTS = 10_000
PAGES = {
    "agents": "/o/bench/agents",
    "agents, page after the first": None,
    "agents, search": "/o/bench/agents?q=support+9",
    "agents, fragment": "/o/bench/agents",
    "audit log": "/o/bench/audit",
    "members": "/o/bench/members",
    "invitations": "/o/bench/invitations",
    "mail": "/o/bench/mail",
    "home": "/o/bench",
}
FILL = """
    INSERT INTO agents (id, org_id, name, description, prompt, primary_model_provider, primary_model, updated_at)
    SELECT gen_random_uuid(), %(org)s, 'Support ' || n, 'Answers customers, number ' || n, repeat('You help. ', 100),
           'openai', 'gpt-5-mini', now() - n * interval '1 minute' FROM generate_series(1, %(count)s) n;
"""
BARE = """
    SELECT id, name, left(description, 300), primary_model_provider, primary_model, primary_model_temperature,
           reasoning_effort, created_at, updated_at FROM agents
     WHERE org_id = %s AND deleted_at IS NULL AND NOT archived ORDER BY updated_at DESC, id DESC LIMIT 21
"""
BARE_COUNT = """
    SELECT count(*) FROM (SELECT 1 FROM agents
     WHERE org_id = %s AND deleted_at IS NULL AND NOT archived LIMIT 10001) capped
"""
_STATEMENTS = re.compile(r'desc="(\d+) statements"')


def measure_pages(client: LiveClient) -> None:
    """Statements, time and weight of the list pages."""
    table("page", "statements", "ms", "kB, compressed")
    following = client.get(PAGES["agents"] or "").headers["Link"]
    after = re.search(r'<([^>]+)>; rel="next"', following)
    assert after is not None
    for name, address in PAGES.items():
        url = address or after[1]
        headers = {"HX-Request": "true"} if "fragment" in name else {}
        with client.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200, (url, response.status_code)
            weight = sum(len(part) for part in response.iter_raw())
        found = _STATEMENTS.search(response.headers["Server-Timing"])
        assert found is not None
        cost = median_ms(lambda url=url, headers=headers: client.get(url, headers=headers))
        line(name, found[1], f"{cost:.1f}", f"{weight / 1000:.1f}")


def measure_limit(live: Live, org_id: object) -> None:
    """The same rows through bare psycopg, prepared, in one transaction per page."""
    with live.connect() as connection:
        connection.prepare_threshold = 0

        def read() -> None:
            with connection.transaction():
                connection.execute(BARE, (org_id,)).fetchall()
                connection.execute(BARE_COUNT, (org_id,)).fetchone()

        line("agents' rows and count by bare psycopg", 2, f"{median_ms(read):.1f}", "")


def family(pid: int) -> list[psutil.Process]:
    """A process and its children."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def resident(pid: int) -> str:
    """The megabytes of the largest process of a family."""
    return f"{largest(pid) / 1e6:.0f}"


def largest(pid: int) -> int:
    """The resident bytes of the largest process of a family."""
    return max(process.memory_info().rss for process in family(pid))


def proportional(*pids: int) -> str:
    """The megabytes of several families, shared pages counted once."""
    return f"{sum(process.memory_full_info().pss for pid in pids for process in family(pid)) / 1e6:.0f}"


def cpu_percent(pid: int, seconds: float = 10) -> float:
    """How busy a process is while nothing happens."""
    process = psutil.Process(pid)
    process.cpu_percent()
    time.sleep(seconds)
    return process.cpu_percent()


def measure_processes(live: Live, postgres_pid: int) -> None:
    """Memory after start and under no load."""
    table("process", "MB", "% CPU idle")
    for name, process in (("web", live.web), ("worker", live.worker)):
        line(name, resident(process.pid), f"{cpu_percent(process.pid):.1f}")
    line("web, worker and PostgreSQL together", proportional(live.web.pid, live.worker.pid, postgres_pid), "")


def measure_starts(live: Live) -> None:
    """How long each process takes until it does its work."""
    table("start", "s")
    for name, process, ready in (
        ("web until it answers", live.web, lambda: True),
        ("worker until its heartbeat", live.worker, lambda: worker_state(live) == "ok"),
    ):
        process.stop()
        began = time.perf_counter()
        process.begin()
        wait_until(ready, 30)
        line(name, f"{time.perf_counter() - began:.1f}")


def worker_state(live: Live) -> str:
    """The word of `/readyz` about the worker."""
    return str(httpx2.get(f"{live.url}/readyz", trust_env=False).json()["checks"]["worker"])


@contextmanager
def product(**settings: str) -> Iterator[tuple[Live, int]]:
    """The product on a database of its own, with these settings."""
    cluster: Postgres = start_cluster()
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            Live(cluster.dsn(), Path(directory), **settings) as live,
        ):
            yield live, cluster.pid
    finally:
        cluster.remove()


def main() -> None:
    """Measure the product and print the tables."""
    with product() as (live, postgres_pid):
        measure_processes(live, postgres_pid)
        measure_starts(live)
        org = orgs.org(slug="bench")
        person = orgs.member(org, "owner", user=auth.platform_admin())
        with live.connect() as connection:
            connection.execute(FILL, {"org": org.id, "count": AGENTS})
            connection.execute("VACUUM (ANALYZE)")
        with live.client(person) as client:
            measure_pages(client)
        measure_limit(live, org.id)
