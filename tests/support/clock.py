"""Moves the clock of the programs a test starts (libfaketime); their monotonic clock stays real."""

from pathlib import Path

import pytest

from tests.support import programs

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")


def library() -> Path:
    """Return libfaketime's path; without it skip the test with the reason, or fail it in CI."""
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    if found:
        return found[0]
    reason = "libfaketime is not installed (Debian package libfaketime)"
    if programs.strict():
        pytest.fail(reason)
    pytest.skip(reason)


class Clock:
    """A clock shared by every program started with `environment`; `shift` acts on running ones at once."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self._library = library()
        self.shift(0)

    def shift(self, seconds: float) -> None:
        """Set the distance to the real time."""
        self._file.write_text(f"{seconds:+.0f}\n")
        self._file.chmod(0o644)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
