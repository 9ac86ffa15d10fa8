"""The entries of a JSON file of any size, one at a time.

A scanner only counts brackets and skips strings, so that an entry that is too large is passed over without being kept,
and a broken one leaves the entries behind it readable. What it cuts out is parsed by orjson, which refuses bytes that
are not UTF-8, lone surrogates, NaN and deep nesting. An entry with a bracket too few takes those behind it along.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from typing import Any

import orjson

LARGEST = 16 * 1024 * 1024
MOST_VALUES = 1_000_000
CHUNK = 256 * 1024
TOO_LARGE = "It is larger than 16 MiB, the most that one entry may be."
TOO_DEEP = "It is nested too deeply."
HOLDS_NUL = "It holds a NUL character (\\u0000), which cannot be stored."
INCOMPLETE = "The file ends in the middle of it: the file is incomplete."

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|\{|\}|\[|\]', re.DOTALL)
_STRING_END = re.compile(rb'(?:[^"\\]++|\\.)*+("?)', re.DOTALL)
_BETWEEN = b" \t\r\n,"
_QUOTE, _BRACE = b'"{'
_OPENING = b"{["
_FAULTS = {
    "surrogate": "It holds half of a character (a lone surrogate), which cannot be stored.",
    "depth limit": TOO_DEEP,
    "unexpected end": INCOMPLETE,
}


class Unreadable(Exception):
    """What cannot be read, with a sentence that says why."""


@dataclass(frozen=True)
class Item:
    """A JSON object of the file and where it stands: "item 3", "line 7"."""

    place: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """What was left out: where it stands, a sentence that says why, and whether that is the rest of its file."""

    place: str
    reason: str
    of_file: bool = False


def read_items(stream: BufferedReader) -> Iterator[Item | Refused]:
    """The objects of a JSON array, of JSON Lines, or the one object of the file.

    Raises Unreadable for what is no JSON at all.
    """
    first = _first_byte(stream)
    if first == b"[":
        yield from _Splitter(outer=1).read(_chunks(stream))
        return
    if first != b"{":
        raise Unreadable(_no_json(stream.peek(512)))
    line = stream.readline(LARGEST + 1)
    if line.rstrip().endswith(b"}"):
        yield from _lines(line, stream)
    else:
        yield from _Splitter(outer=0).read(chain([line], _chunks(stream)))


def _first_byte(stream: BufferedReader) -> bytes:
    """The first byte that is no white space; it and what follows stay in the stream."""
    if stream.peek(3).startswith(b"\xef\xbb\xbf"):
        stream.read(3)
    while True:
        ahead = stream.peek(CHUNK)
        blank = len(ahead) - len(ahead.lstrip())
        stream.read(blank)
        if blank < len(ahead) or not ahead:
            return ahead[blank : blank + 1]


def _no_json(start: bytes) -> str:
    if not start:
        return "The file is empty."
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "The file is UTF-16. Save it as UTF-8."
    if start.startswith(b"<"):
        return (
            "This is an HTML page, not JSON. Choose the file conversations.json, or the archive as it came."
        )
    return "This is neither JSON nor a ZIP archive."


def _chunks(stream: BufferedReader) -> Iterator[bytes]:
    return iter(lambda: stream.read(CHUNK), b"")


def _lines(first: bytes, stream: BufferedReader) -> Iterator[Item | Refused]:
    for number, line in enumerate(chain([first], iter(lambda: stream.readline(LARGEST + 1), b"")), 1):
        place = f"line {number}"
        if len(line) > LARGEST:
            while line and not line.endswith(b"\n"):
                line = stream.readline(CHUNK)  # noqa: PLW2901 - the rest of the same line
            yield Refused(place, TOO_LARGE)
        elif line.strip():
            yield parse(place, line)


def parse(place: str, raw: bytes | bytearray) -> Item | Refused:
    """The object that these bytes are, or why they are none that can be stored."""
    if raw.count(b",") > MOST_VALUES:
        return Refused(place, "It holds more than 1,000,000 values.")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Refused(place, _fault(raw, error))
    if not isinstance(value, dict):
        return Refused(place, "It is not a JSON object.")
    if b"\\u0000" in raw and _holds_nul(value):
        return Refused(place, HOLDS_NUL)
    return Item(place, value)


def _fault(raw: bytes | bytearray, error: orjson.JSONDecodeError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as bad:
        return f"It holds bytes that are not UTF-8 (the first is byte {bad.start + 1:,} of it)."
    if b"\0" in raw:
        return "It holds a NUL byte."
    near = error.doc[max(error.pos - 1, 0) : error.pos + 20]
    if near.lstrip(" \t\r\n,:[-").startswith(("NaN", "Infinity")):
        return "It holds NaN or Infinity, which are no JSON."
    known = (reason for sign, reason in _FAULTS.items() if sign in error.msg)
    return next(known, f"It is not valid JSON: {error.msg}.")


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                return True
            case dict(fields):
                waiting += [*fields, *fields.values()]
            case list(entries):
                waiting += entries
    return False


class _Splitter:
    """Cuts the values at one depth out of a stream of bytes: 1 for the entries of an array, 0 for whole values."""

    def __init__(self, outer: int) -> None:
        self._outer = outer
        self._depth = 0
        self._in_string = False
        self._from = 0  # where in the present piece the entry, or what stands before the next one, begins
        self._number = 0
        self._size = 0
        self._kept = bytearray()
        self._strayed = False

    def read(self, chunks: Iterable[bytes]) -> Iterator[Item | Refused]:
        """The entries, and what stands between them and is none."""
        waiting = b""
        for chunk in chunks:
            piece = waiting + chunk
            done = yield from self._scan(piece)
            waiting = piece[done:]
        if self._depth > self._outer:
            yield Refused(f"item {self._number}", INCOMPLETE)
        elif self._depth == self._outer > 0:
            yield Refused(
                f"after item {self._number}", "The file ends before its list does: it is incomplete."
            )

    def _scan(self, piece: bytes) -> Generator[Item | Refused, None, int]:
        """Go through a piece and return how much of it is done with: a backslash at its end waits for the next."""
        self._from = position = 0
        if self._in_string and (rest := _STRING_END.match(piece)):
            position, self._in_string = rest.end(), not rest[1]
        while not self._in_string and (token := _TOKEN.search(piece, position)):
            start, position = token.span()
            if piece[start] == _QUOTE:
                self._in_string = not token[1]
            elif piece[start] not in _OPENING:
                self._depth -= 1
                if self._depth <= self._outer:
                    yield from self._close(piece, position)
            elif self._depth > self._outer:
                self._depth += 1
            else:
                yield from self._open(piece, start)
        done = position if self._in_string else len(piece)
        if self._depth > self._outer:
            self._keep(piece[self._from : done])
        else:
            yield from self._between(piece[self._from : done])
        return done

    def _open(self, piece: bytes, start: int) -> Iterator[Refused]:
        """An entry begins, or the list itself; an object behind a bracket too many is an entry all the same."""
        if piece[start] == _BRACE or self._depth == self._outer:
            yield from self._between(piece[self._from : start])
            self._number += 1
            self._size, self._kept, self._strayed = 0, bytearray(), False
            self._depth, self._from = self._outer + 1, start
        else:
            self._depth, self._from = self._outer, start + 1

    def _close(self, piece: bytes, end: int) -> Iterator[Item | Refused]:
        """An entry ends, or the list itself."""
        if self._depth == self._outer:
            self._keep(piece[self._from : end])
            place = f"item {self._number}"
            yield Refused(place, TOO_LARGE) if self._size > LARGEST else parse(place, self._kept)
        else:
            self._depth = max(self._depth, 0)
            yield from self._between(piece[self._from : end - 1])
        self._from = end

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > LARGEST:
            self._kept = bytearray()
        else:
            self._kept += piece

    def _between(self, piece: bytes) -> Iterator[Refused]:
        """What stands between two entries should be a comma; anything else is reported once."""
        if piece.strip(_BETWEEN) and not self._strayed:
            self._strayed = True
            yield Refused(f"after item {self._number}", "Something that is no JSON object stands here.")
