"""DD-5: no room is left where the database, or the logs, are written."""

import secrets
import tempfile
import time
from pathlib import Path

import pytest

from tests.factories import world
from tests.support.database import start_cluster
from tests.support.full_disk import small_disk
from tests.support.live import Live
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

PROMPT_BYTES = 40_000
LEFT_BYTES = 400_000
MOST_WRITES = 200
RETURN_SECONDS = 5
SENT = ("email_outbox",)
"""What the worker writes as soon as there is a little room: how often it has tried a mail."""


@pytest.fixture
def folder():
    """A folder that the server's own account can enter."""
    with tempfile.TemporaryDirectory(prefix="agentpress-disk-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def disk(folder):
    with small_disk(folder / "disk", "160m") as mounted:
        yield mounted


@pytest.fixture
def own_cluster(disk):
    server = start_cluster(parent=disk.path)
    yield server
    server.remove()


def create(client, home, size=PROMPT_BYTES) -> int:
    """Store an agent with an incompressible prompt; return the status."""
    form = {"name": secrets.token_hex(8), "prompt": secrets.token_hex(size)}
    return client.submit(f"/o/{home.org.slug}/agents/new", form).status_code


def test_dd_5_a_full_disk_refuses_writes_until_there_is_room(disk, own_cluster, tmp_path):
    with Live(own_cluster.dsn(), tmp_path) as live:
        home = world.tenant("Homecanary")
        own_cluster.execute("SELECT pg_switch_wal()")  # the log of changes has its room in advance
        own_cluster.execute("CHECKPOINT")
        with live.client(home.owner) as client:
            token, path = client.token("/me"), f"/o/{home.org.slug}/agents"
            disk.fill(LEFT_BYTES)
            statuses = []
            while 503 not in statuses and len(statuses) < MOST_WRITES:
                form = {"name": secrets.token_hex(8), "prompt": secrets.token_hex(PROMPT_BYTES)}
                headers = {"Sec-Fetch-Site": "same-origin"}
                answer = client.post(f"{path}/new", data={"csrf_token": token, **form}, headers=headers)
                statuses.append(answer.status_code)
            assert set(statuses) == {303, 503}, statuses
            assert int(answer.headers["Retry-After"]) > 0
            assert "Nothing was changed" in answer.text
            kept = live.state(ignore_tables=SENT)
            assert client.get(path).status_code == 200
            assert client.get("/readyz").status_code == 200
            assert live.state(ignore_tables=SENT) == kept
            assert live.web.running
            assert live.worker.running
            disk.give_room()
            wait_until(lambda: create(client, home) == 303, RETURN_SECONDS, "a write once there is room")
        with live.connect() as connection:
            stored = connection.execute("SELECT count(*) FROM agents WHERE length(prompt) > 1000").fetchone()
        assert stored == (statuses.count(303) + 1,)


def test_dd_5_a_full_log_folder_stops_nothing(cluster, folder):
    with small_disk(folder / "logs", "2m") as logs, Live(cluster, logs.path) as live:
        home = world.tenant("Homecanary")
        logs.fill()
        assert logs.free == 0
        with live.client(home.owner) as client:
            for _ in range(3):
                assert create(client, home, 100) == 303
                assert client.get("/absent").status_code == 404
        assert live.web.running
        assert live.worker.running
        written = live.web.log.stat().st_size
        logs.give_room()
        with live.client() as client:
            deadline = time.monotonic() + RETURN_SECONDS
            while live.web.log.stat().st_size == written and time.monotonic() < deadline:
                client.get("/absent")
        assert live.web.log.stat().st_size > written
