"""The child process that reads one file: sets its limits, gives up the network, reads, answers in JSON."""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from app.knowledge.readers.document import BROKEN, READERS, TOO_LONG, Document, Unreadable
from app.knowledge.readers.text import finish

_UNWANTED = ("numpy", "pandas")  # openpyxl loads what it finds
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.", "os.system", "os.exec",
              "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir")  # fmt: skip
_TOO_MUCH_MEMORY = "Reading the file takes too much memory: it is too large or too complex."
_TOO_DEEP = "The file is nested too deeply to be read."


def main() -> None:
    """Read the file named on the command line and write title, text and tables, or why there are none."""
    path, media_type, limits = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints spoils no answer
    _limit(limits)
    _isolate()
    try:
        answer = json.dumps(_answer(path, media_type), ensure_ascii=False).encode()
    except MemoryError:
        answer = json.dumps({"refused": _TOO_MUCH_MEMORY}).encode()
    if len(answer) > limits["output"]:
        answer = json.dumps({"refused": TOO_LONG}).encode()
    output.write(answer)
    output.flush()
    os._exit(0)  # no library's tidying up


def _limit(limits: dict[str, int]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["output"], limits["output"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _isolate() -> None:
    """Leave the network where the system lets us; die with the parent; refuse what a reader never needs."""
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if system.unshare(_CLONE_NEWNET):
        system.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    sys.addaudithook(_forbid)


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event.startswith(_FORBIDDEN):
        raise PermissionError(f"A reader may not do this: {event}")


def _answer(path: Path, media_type: str) -> dict[str, Any]:
    """Return the answer as JSON writes it."""
    sys.modules.update(dict.fromkeys(_UNWANTED))  # type: ignore[arg-type] # None forbids the import
    module, _, function = READERS[media_type].partition(":")
    try:
        read = getattr(importlib.import_module(f"app.knowledge.readers.{module}"), function)
        return _plain(finish(read(path)))
    except Unreadable as refused:
        return {"refused": str(refused)}
    except RecursionError:
        return {"refused": _TOO_DEEP}
    except MemoryError:
        return {"refused": _TOO_MUCH_MEMORY}
    except Exception as fault:  # noqa: BLE001 - libraries fail in every way on a broken file
        return {"refused": BROKEN, "fault": f"{type(fault).__name__}: {str(fault)[:500]}"}


def _plain(document: Document) -> dict[str, Any]:
    tables = [{"name": one.name, "rows": one.rows} for one in document.tables]
    return {"title": document.title, "text": document.text, "tables": tables}
