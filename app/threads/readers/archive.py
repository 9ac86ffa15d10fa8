"""The JSON files of an export: the file itself, or those in its ZIP archive, unpacked as they are read."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import PurePosixPath
from typing import IO

from app.threads.readers.items import CHUNK, Unreadable

MOST_UNPACKED = 16 * 1024**3
MOST_TIMES = 100
FREE_BYTES = 64 * 1024 * 1024
LARGEST_DIRECTORY = 4 * 1024 * 1024


class TooFar(Exception):
    """More would have to be read than was to be."""


class Allowance:
    """How many bytes may be read of the files together."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """So many were read. Raises TooFar."""
        self._left -= count
        if self._left < 0:
            raise TooFar


_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_THREADS = re.compile(r"conversations(-\d+)?\.json")
_JSON = (".json", ".jsonl", ".ndjson")
_END = struct.Struct("<4s4H2LH")
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Exports are packed so; others take a dictionary as large as the archive says."""
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, IndexError)
"""What `zipfile` raises where bytes are wrong: the last two for names that are none, and places before the file."""
_DAMAGED = "The ZIP archive is damaged."
_LOCKED = "The ZIP archive is locked with a password or packed in an unknown way."
_TOO_MANY = "The ZIP archive holds too many files. Unpack it and import its conversations.json."


def open_files(file: IO[bytes]) -> Iterator[tuple[str, BufferedReader]]:
    """Name and content of each JSON file; the name is empty for a file that is no archive.

    Raises Unreadable, also while the content is read: for a damaged or locked archive, one without threads, and one
    that unpacks to far more than it is.
    """
    start = file.read(4)
    file.seek(0)
    if not start.startswith(_MAGIC):
        yield "", BufferedReader(_Plain(file), CHUNK)
        return
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in _entries(archive):
                with archive.open(entry) as content:
                    most = max(FREE_BYTES, MOST_TIMES * entry.compress_size)
                    yield entry.filename, BufferedReader(_Unpacked(content, min(most, MOST_UNPACKED)), CHUNK)
    except _FAULTS as error:
        raise Unreadable(_DAMAGED) from error
    except RuntimeError as error:  # how zipfile says that a password is missing, or a packing unknown to it
        raise Unreadable(_LOCKED) from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuse an archive whose list of files would fill the memory; the list is read whole before the first file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - 65_535))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise Unreadable(_DAMAGED)
    if _END.unpack_from(tail, at)[5] > LARGEST_DIRECTORY:
        raise Unreadable(_TOO_MANY)
    file.seek(0)


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    named = [entry for entry in files if _THREADS.fullmatch(PurePosixPath(entry.filename).name)]
    if not named:
        named = [entry for entry in files if entry.filename.endswith(_JSON)]
        if len(named) != 1:
            raise Unreadable("The ZIP archive holds no conversations.json.")
    if any(entry.compress_type not in _PACKINGS for entry in named):
        raise Unreadable(_LOCKED)
    return sorted(named, key=lambda entry: entry.filename)


class _Plain(RawIOBase):
    """An open file, without closing it when the reader goes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Beginning(_Plain):
    """A file of which only as much is read as is allowed."""

    def __init__(self, file: IO[bytes], allowed: Allowance) -> None:
        super().__init__(file)
        self._allowed = allowed

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer. Raises TooFar."""
        count = super().readinto(buffer)
        self._allowed.take(count)
        return count


class _Unpacked(_Plain):
    """A packed file that may not become larger than `most` bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        super().__init__(file)
        self._left = most

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer. Unreadable once too much was unpacked."""
        try:
            count = super().readinto(buffer)
        except _FAULTS as error:
            raise Unreadable(_DAMAGED) from error
        self._left -= count
        if self._left < 0:
            raise Unreadable("The ZIP archive unpacks to more than 100 times its size and was not read on.")
        return count
