"""Bytes to text, and text without what a database or a reader stumbles over."""

import re
import unicodedata
from pathlib import Path

from app.knowledge.readers.document import (
    MOST_CHARACTERS,
    NO_TEXT,
    TOO_LONG,
    Document,
    Unreadable,
)

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_HEADING = re.compile(r"^ {0,3}#{1,2}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_SAMPLE = 20_000
_MOST_BAD = 0.3
_TITLE_LETTERS = 200


def looks_like_text(head: bytes) -> bool:
    """Whether bytes may be text: hardly a control sign among them."""
    if _encoding(head) != "utf-8":
        return True
    controls = sum(head.count(bytes([sign])) for sign in (*range(8), *range(14, 27), *range(28, 32), 127))
    return controls <= len(head) * 0.02


def read_text(path: Path) -> str:
    """Return the text of a file, what is wrong in it replaced; raises Unreadable for one that is too large."""
    with path.open("rb") as file:
        data = file.read(4 * MOST_CHARACTERS + 1)
    if len(data) > 4 * MOST_CHARACTERS:
        raise Unreadable(TOO_LONG)
    return decode(data)


def decode(data: bytes) -> str:
    """Return bytes as text: UTF-8 or UTF-16; bytes that are mostly neither are taken for Windows-1252."""
    encoding = _encoding(data)
    for mark, _ in _BOMS:
        data = data.removeprefix(mark) if data.startswith(mark) else data
    if encoding == "utf-8":
        text = data.decode("utf-8", "replace")
        beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
        mostly_wrong = text.count("\ufffd") * 2 > beyond_ascii
        return data.decode("cp1252", "replace") if mostly_wrong else text
    return data.decode(encoding, "replace")


def clean(text: str) -> str:
    """Return text without control signs and lone surrogates, its lines broken in one way."""
    text = _CONTROLS.sub("", _BREAKS.sub("\n", text))
    return _SURROGATES.sub("\ufffd", text)


def finish(document: Document) -> Document:
    """Return a document clean; raises Unreadable if it is too long, without text, or nothing a person can read."""
    if len(document.text) > MOST_CHARACTERS:
        raise Unreadable(TOO_LONG)
    text = clean(document.text).strip("\n")
    if not text.strip():
        raise Unreadable(NO_TEXT)
    if _bad_share(text) > _MOST_BAD:
        raise Unreadable("The text of the file is garbled: most of its signs are no letters.")
    title = " ".join(clean(document.title).split())[:_TITLE_LETTERS]
    return Document(title, text, document.tables)


def first_heading(text: str) -> str:
    """Return the first heading of Markdown of level 1 or 2; empty without one."""
    found = _HEADING.search(text[:_SAMPLE])
    return found[1] if found else ""


def _encoding(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    sample = data[:4096]
    half = max(1, len(sample) // 2)
    if len(sample) >= 4 and sample[1::2].count(0) > 0.4 * half and sample[::2].count(0) < 0.05 * half:
        return "utf-16-le"
    if len(sample) >= 4 and sample[::2].count(0) > 0.4 * half and sample[1::2].count(0) < 0.05 * half:
        return "utf-16-be"
    return "utf-8"


def _bad_share(text: str) -> float:
    """Return the share of signs that mean nothing: replaced, unassigned or of private use."""
    sample = text[:_SAMPLE]
    bad = sum(letter == "\ufffd" or unicodedata.category(letter) in {"Cn", "Co"} for letter in sample)
    return bad / len(sample)


def read(path: Path) -> Document:
    """Read plain text."""
    return Document("", read_text(path))


def read_markdown(path: Path) -> Document:
    """Read Markdown; its first heading is the title."""
    text = read_text(path)
    return Document(first_heading(text), text)
