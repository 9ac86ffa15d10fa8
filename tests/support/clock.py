"""Moves the clock of the programs a test starts (libfaketime); their monotonic clock stays real."""

import tempfile
from pathlib import Path

from tests.support import programs

# Python sleeps by clock_nanosleep, which libfaketime 0.9 answers with EINVAL; select it leaves alone.
SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""


class Clock:
    """A clock shared by every program started with `environment`; `shift` acts on running ones at once."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="agentpress-clock-")
        Path(self._directory.name).chmod(0o755)  # the database runs under another account
        self._file = Path(self._directory.name, "clock")
        Path(self._directory.name, "sitecustomize.py").write_text(SLEEP)
        self._library = programs.need("libfaketime")
        self.shift(0)

    def shift(self, seconds: float) -> None:
        """Set the distance to the real time."""
        self._file.write_text(f"{seconds:+.0f}\n")
        self._file.chmod(0o644)

    def remove(self) -> None:
        self._directory.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": self._directory.name,
        }
