"""A file system of a few megabytes that a test fills to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import programs


class FullDisk:
    """A mounted tmpfs; a ballast file takes what the test leaves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """The bytes that can still be written."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leaving: int = 0) -> None:
        """Take all room but so many bytes."""
        with self._ballast.open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, self.free - leaving))

    def give_room(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[FullDisk]:
    """Mount a tmpfs of this size at a new folder; where that is not allowed skip the test with the reason."""
    path.mkdir(mode=0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "agentpress-test", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        reason = f"a small file system cannot be mounted here: {mounted.stderr.strip()}"
        (pytest.fail if programs.strict() and os.geteuid() == 0 else pytest.skip)(reason)
    try:
        yield FullDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
