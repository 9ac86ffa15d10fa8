"""What a reader can do in its process, were it taken over by the file it reads: nothing that matters."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.knowledge.readers import parsing
from app.knowledge.readers.document import PLAIN, Unreadable
from app.knowledge.readers.parsing import LIMITS, parse

TOO_SLOW = "Reading the file takes too long: it is too large or too complex."
TOO_MUCH = "Reading the file takes too much memory: it is too large or too complex."
DAMAGED = "The file is damaged: it could not be read."


@pytest.fixture
def as_reader(monkeypatch, tmp_path):
    """Return a function that runs some lines in place of the reader of plain text and gives the text they return."""

    def run(lines, limits=LIMITS):
        source = "def read(path):\n" + "".join(f"    {line}\n" for line in lines.splitlines())
        start = parsing._START.replace(
            "main()",
            "from app.knowledge.readers import child, document; bad = types.ModuleType('bad'); "
            f"bad.Document = document.Document; exec({source!r}, bad.__dict__); "
            "sys.modules['app.knowledge.readers.bad'] = bad; "
            f"child.READERS[{PLAIN!r}] = 'bad:read'; main()",
        )
        monkeypatch.setattr(parsing, "_START", start)
        path = tmp_path / "file"
        path.write_text("text", encoding="utf-8")
        return parse(path, PLAIN, limits).text

    return run


def test_the_stage_works(as_reader):
    assert as_reader("return Document('', 'read: ' + path.read_text())") == "read: text"


def test_it_knows_no_secret_and_no_web_application(as_reader, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "canary")
    lines = "import os, sys\nreturn Document('', repr([dict(os.environ), [m for m in sys.modules if 'flask' in m]]))"
    said = as_reader(lines)
    assert "canary" not in said
    assert said.endswith("}, []]")


@pytest.mark.parametrize(
    "line",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "open('/tmp/agentpress-canary', 'w')",
        "import os; os.remove(path)",
    ],
)
def test_what_no_reader_needs_is_forbidden(as_reader, line):
    lines = f"try:\n    {line}\nexcept PermissionError as error:\n    return Document('', str(error))"
    assert as_reader(lines).startswith("A reader may not do this: ")


def test_up_4_a_reader_that_is_killed(as_reader):
    with pytest.raises(Unreadable) as refused:
        as_reader("import os\nos.kill(os.getpid(), 11)")
    assert str(refused.value) == DAMAGED


def test_a_reader_that_computes_without_end(as_reader):
    began = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        as_reader("while True: pass", replace(LIMITS, cpu_seconds=1))
    assert str(refused.value) == TOO_SLOW
    assert time.monotonic() - began < 20


def test_a_reader_that_waits_without_end_is_ended(as_reader, tmp_path):
    with pytest.raises(Unreadable) as refused:
        as_reader("import time\ntime.sleep(600)", replace(LIMITS, wall_seconds=1))
    assert str(refused.value) == TOO_SLOW
    assert not [one for one in Path("/proc").glob("[0-9]*") if str(tmp_path) in _command(one)]


def test_a_reader_that_fills_the_memory(as_reader):
    with pytest.raises(Unreadable) as refused:
        as_reader("return Document('', ' ' * (1 << 30))")
    assert str(refused.value) == TOO_MUCH


def test_a_reader_that_never_stops_talking(as_reader):
    lines = "import sys\nprint('noise')\nsys.__stdout__.flush()\nreturn Document('', 'said')"
    assert as_reader(lines) == "said"
    with pytest.raises(Unreadable, match="more than 10 million characters"):
        as_reader("return Document('', 'x' * 5_000_000)", replace(LIMITS, output=1_000_000))


def test_a_fault_of_a_library_is_a_damaged_file(as_reader, caplog):
    with pytest.raises(Unreadable) as refused:
        as_reader("raise ValueError('internal detail')")
    assert str(refused.value) == DAMAGED
    assert "internal detail" in caplog.text


def _command(process):
    try:
        return (process / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
