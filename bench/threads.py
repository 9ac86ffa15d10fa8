"""The measurements of many threads: which there are, and where they happen."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import searches
from bench.kept import Kept
from bench.place import place

SMALL = (10_000, 50_000)
GROUPS = {"search": searches.measure}


def main(threads: int, messages: int, directory: Path | None, only: Sequence[str] | None) -> None:
    """Fill or find the databases, then print the tables."""
    with tempfile.TemporaryDirectory() as temporary, Kept(directory or Path(temporary)).running() as kept:
        full = kept.filled(threads, messages)
        for name in only or GROUPS:
            with place(full) as where:
                GROUPS[name](where)
