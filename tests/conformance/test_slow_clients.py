"""SL: whoever is slow to send or to take something holds up nobody else."""

import socket
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import psutil
import pytest

from app.db.engine import FILES_AT_ONCE
from app.web.export import FILES_EACH
from app.web.stalled import STALLED_SECONDS
from tests.factories import orgs, tasks, threads, world
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

MIB = 2**20
FILE_MIB = 192
GROWTH = 64 * MIB
CROWD = 24
"""More than there are connections to the database."""
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
MORE_PARTS = """
    INSERT INTO blob_parts (org_id, blob_id, position, content)
    SELECT p.org_id, p.blob_id, n, p.content FROM blob_parts p, generate_series(1, %s) n WHERE p.blob_id = %s
"""
MORE_MESSAGES = """
    INSERT INTO messages (id, org_id, thread_id, role, parts, text_content)
    SELECT gen_random_uuid(), org_id, thread_id, role, parts, text_content
    FROM messages, generate_series(1, 400) WHERE id = %s
"""


@pytest.fixture
def home(live):
    return world.tenant("Homecanary")


@pytest.fixture
def blob(live, home):
    """A stored file that no buffer on the way to its reader holds."""
    stored = threads.blob(home.org, bytes(MIB), "image/png")
    with live.connect() as connection:
        connection.execute(MORE_PARTS, (FILE_MIB - 1, stored.id))
        connection.execute("UPDATE blobs SET byte_size = %s WHERE id = %s", (FILE_MIB * MIB, stored.id))
    return stored


@contextmanager
def beginning(live, path, **headers):
    """Send a request without the body that it announces."""
    lines = {"Host": live.url.removeprefix("http://"), "Content-Length": "1000", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection(("127.0.0.1", live.web.port)) as sent:
        sent.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        yield


def asleep(live):
    with live.connect() as connection:
        return connection.execute(ASLEEP).fetchone()[0]


def resident(live):
    process = psutil.Process(live.web.pid)
    return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))


def test_sl_1_those_who_are_slow_to_send_hold_no_connection(live, home):
    form = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin"}
    key = {
        "Content_Type": "application/json",
        "X_API_Key": orgs.api_key(home.org, home.owner)[1],
    }
    with live.client(home.owner) as client, ExitStack() as slow:
        own = {"Cookie": f"session={client.cookies['session']}", "X_CSRFToken": client.token("/me")}
        ways = (
            ("/sign-in", form),
            (f"/o/{home.org.slug}/agents/new", form | own),
            ("/api/v1/agents", key),
        )
        for number in range(CROWD):
            path, headers = ways[number % len(ways)]
            slow.enter_context(beginning(live, path, **headers))
        time.sleep(1)  # all of them are being read
        wait_until(lambda: asleep(live) == 0, 5, "connections that are free")
        assert client.get(f"/o/{home.org.slug}/agents").status_code == 200


def test_sl_2_those_who_are_slow_to_take_files_hold_no_connection(live, home, blob):
    threads.attachment(home.message, blob, "cat.png")
    place = f"/o/{home.org.slug}/threads/{home.thread.id}"
    with live.client(home.owner) as client, ExitStack() as slow:
        for _ in range(CROWD):
            answer = slow.enter_context(client.stream("GET", f"{place}/files/{blob.id}"))
            assert answer.status_code == 200
        wait_until(lambda: asleep(live) == 0, 5, "connections that are free")
        assert client.get(f"{place}.json").status_code == 200


def test_sl_3_the_file_of_a_task_is_never_in_memory_as_a_whole(live, home, blob):
    file = {"id": str(blob.id), "name": "threads.csv", "media_type": "text/csv", "byte_size": FILE_MIB * MIB}
    ended = {"status": "succeeded", "finished_at": datetime.now(UTC), "created_by": home.owner.id}
    task = tasks.task(home.org, kind="thread.export", result={"file": file}, **ended)
    path, read = f"/o/{home.org.slug}/tasks/{task.id}", 0
    with live.client(home.owner) as client:
        client.page(path)
        before = most = resident(live)
        with client.stream("GET", f"{path}/file") as answer:
            assert answer.status_code == 200
            for part in answer.iter_raw(MIB):
                read += len(part)
                most = max(most, resident(live))
    assert read == FILE_MIB * MIB
    assert most - before < GROWTH


@pytest.fixture
def long_lists(live, home):
    """Addresses of lists that no buffer on the way to their reader holds."""
    message = threads.message(home.thread, "word " * 20_000)
    with live.connect() as connection:
        connection.execute(MORE_MESSAGES, (message.id,))
    place = f"/o/{home.org.slug}/threads"
    return [f"{place}/{home.thread.id}.json", f"{place}/messages.ndjson"]


def take(live, stack, person, paths):
    """Begin to take these files, and take no more of them than the first bytes."""
    client = stack.enter_context(live.client(person))
    for path in paths:
        answer = stack.enter_context(client.stream("GET", path))
        assert answer.status_code == 200


def test_sl_4_those_who_are_slow_to_take_lists_leave_the_figures_to_others(live, home, long_lists):
    place = f"/o/{home.org.slug}"
    crowd = [orgs.member(home.org, "owner") for _ in range(FILES_AT_ONCE // FILES_EACH)]
    with live.client(home.owner) as client, ExitStack() as slow:
        for person in crowd:
            take(live, slow, person, long_lists)
        refused = client.get(long_lists[0])
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
        assert client.get(f"{place}/analytics").status_code == 200
        assert client.get(f"{place}/agents").status_code == 200
        slow.close()
        wait_until(lambda: client.get(long_lists[0]).status_code == 200, 20, "a place for a file")


def test_sl_5_nobody_who_takes_nothing_keeps_lists_from_others_or_a_place_for_long(live, home, long_lists):
    with (
        live.client(home.owner) as client,
        live.client(home.people["admin"]) as other,
        ExitStack() as stalled,
    ):
        began = time.monotonic()
        take(live, stalled, home.owner, long_lists)
        assert client.get(long_lists[0]).status_code == 429
        assert other.get(long_lists[0]).status_code == 200
        wait_until(lambda: client.get(long_lists[0]).status_code == 200, STALLED_SECONDS + 20, "an own place")
        assert time.monotonic() - began > STALLED_SECONDS - 1
    log = live.directory / "web.log"
    wait_until(lambda: "a client took nothing of its answer" in log.read_text(), 5, "a line in the log")
    assert "Traceback" not in log.read_text()
