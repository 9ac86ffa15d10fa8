"""UP-1: files that are too large or too many are refused while they come, and names are only names."""

import http.client
import itertools
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from app.knowledge.models.sources import KnowledgeFile
from tests.factories import world
from tests.factories.rows import rows
from tests.support.live import Live

pytestmark = pytest.mark.conformance

MIB = 1024 * 1024
SECONDS, MOST_MORE = 2, 50 * MIB
BODY = 200 * MIB
"""What the request for files may hold at most."""
HEAD = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
NAMES = {
    b"../../up.md": "up.md",
    b"/etc/passwd.md": "passwd.md",
    b"C:\\\\folder\\\\file.md": "file.md",
    b"CON.md": "CON.md",
    "bidi \u202edm.md".encode(): "bidi dm.md",
    b"null\x00.md": "null.md",
    b"line%0D%0AX-Evil: 1.md": "line%0D%0AX-Evil: 1.md",
    b"n" * 300 + b".md": "n" * 255,
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def live(cluster, tmp_path_factory):
    with Live(cluster, tmp_path_factory.mktemp("uploads")) as running:
        yield running


@pytest.fixture
def home(live):
    return world.tenant(f"Uploads{next(_numbers)}")


@pytest.fixture
def send(live, home):
    """A function that posts parts of a form for files, as they come; status, seconds, more memory of the server."""
    path = f"/o/{home.org.slug}/knowledge/{home.rows['knowledge_bases'].id}/sources/new/file"
    with live.client(home.owner) as client:
        headers = {
            "Cookie": f"session={client.cookies['session']}",
            "X-CSRFToken": client.token(path),
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "multipart/form-data; boundary=b",
        }

    def act(parts, **more):
        before, began = resident(live), time.monotonic()
        connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=30)
        connection.putrequest("POST", path)
        for name, value in {**headers, **more}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        with suppress(ConnectionError):  # it answers before it has read everything
            for part in parts:
                connection.send(
                    b"%x\r\n%s\r\n" % (len(part), part) if more.get("Transfer_Encoding") else part
                )
        status = connection.getresponse().status
        connection.close()
        return status, time.monotonic() - began, peak(live) - before

    return act


def processes(live):
    process = psutil.Process(live.web.pid)
    return [Path(f"/proc/{part.pid}") for part in (process, *process.children(recursive=True))]


def resident(live):
    """The memory that the largest process of the server holds; peaks are counted from now on."""
    for process in processes(live):
        (process / "clear_refs").write_text("5")
    return peak(live)


def peak(live):
    """The most that it held since then, in bytes."""
    lines = (line for process in processes(live) for line in (process / "status").read_text().splitlines())
    return 1024 * max(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_up_1_a_body_that_says_it_is_too_large_is_refused_unread(send):
    status, seconds, more = send([HEAD], Content_Length=str(BODY + 1))
    assert (status, seconds < SECONDS, more < MOST_MORE) == (413, True, True)


def test_up_1_a_body_without_a_length_is_read_up_to_the_limit(send):
    parts = itertools.chain([HEAD], itertools.repeat(b"x" * MIB, 2 * BODY // MIB))
    status, _seconds, more = send(parts, Transfer_Encoding="chunked")
    assert (status, more < MOST_MORE) == (413, True)


def test_up_1_very_many_parts_are_refused(send):
    body = HEAD.replace(b"\r\n\r\n", b"\r\n\r\nx\r\n") * 10_000 + b"--b--\r\n"
    status, seconds, more = send([body], Content_Length=str(len(body)))
    assert (status, seconds < SECONDS, more < MOST_MORE) == (413, True, True)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_up_1_a_name_is_only_a_name(send, home, name):
    body = HEAD.replace(b"a.txt", name) + b"# Refunds take five days\r\n--b--\r\n"
    assert send([body], Content_Length=str(len(body)))[0] == 303
    (stored,) = [
        file
        for file in rows(KnowledgeFile, org_id=home.org.id)
        if file.markdown is None or "five days" in file.markdown
    ]
    assert stored.name == NAMES[name]
