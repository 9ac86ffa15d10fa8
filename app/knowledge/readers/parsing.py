"""Reading a file in a child process of its own: limited, without network, secrets and the web application."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from app.knowledge.readers.document import BROKEN, READERS, Document, Table, Unreadable

_APP = Path(__file__).resolve().parents[2]
# `app` itself would load the web application; a bare module of that name leads to the readers alone.
_START = (
    "import sys, types; app = types.ModuleType('app'); app.__path__ = [sys.argv.pop(1)]; sys.modules['app'] = app; "
    "from app.knowledge.readers.child import main; main()"
)
_TOO_SLOW = "Reading the file takes too long: it is too large or too complex."
_TOO_LARGE = "The file is too large: it has {size} MiB, and {most} MiB are read at most."
_MEBIBYTE = 1024 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one reading may take. Sizes in bytes, times in seconds."""

    file_bytes: int = 100 * _MEBIBYTE
    memory: int = 768 * _MEBIBYTE
    output: int = 128 * _MEBIBYTE
    cpu_seconds: int = 60
    wall_seconds: int = 90


LIMITS = Limits()


def parse(path: Path, media_type: str, limits: Limits = LIMITS) -> Document:
    """Return what a file of this media type says; raises Unreadable with the reason, within `limits.wall_seconds`.

    Raises OSError if there is no such file, KeyError for a media type `detect` never gives.
    """
    if media_type not in READERS:
        raise KeyError(media_type)
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise Unreadable(_TOO_LARGE.format(size=size // _MEBIBYTE, most=limits.file_bytes // _MEBIBYTE))
    with tempfile.TemporaryFile() as output:
        code = _run(path, media_type, limits, output.fileno())
        output.seek(0)
        answer = output.read(limits.output)
    return _document(answer, code, media_type)


def _run(path: Path, media_type: str, limits: Limits, output: int) -> int:
    """Run the child and return its exit code; its output goes to a file, which its own limit keeps small."""
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, str(_APP), str(path), media_type]
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and text
        [*command, json.dumps(asdict(limits))],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            return child.wait(limits.wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise Unreadable(_TOO_SLOW) from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


def _document(answer: bytes, code: int, media_type: str) -> Document:
    """Return the document the child wrote, or raise what it or its end says."""
    try:
        said = json.loads(answer)
    except ValueError as error:
        _LOG.warning("The reader of %s ended with code %s.", media_type, code)
        reason = {-signal.SIGXCPU: _TOO_SLOW, -signal.SIGKILL: _TOO_SLOW}.get(code, BROKEN)
        raise Unreadable(reason) from error
    if "fault" in said:
        _LOG.warning("The reader of %s failed: %s", media_type, said["fault"])
    if "refused" in said:
        raise Unreadable(said["refused"])
    tables = (Table(one["name"], tuple(map(tuple, one["rows"]))) for one in said["tables"])
    return Document(said["title"], said["text"], tuple(tables))
