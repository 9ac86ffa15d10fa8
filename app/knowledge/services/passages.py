"""A source's text, to which the offsets of its passages refer, and the passages it is cut into."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import UUID

from app.db.blobs import read_blob
from app.db.session import transaction
from app.knowledge.chunker import split
from app.knowledge.readers.document import CSV, PLAIN, Unreadable
from app.knowledge.readers.parsing import parse
from app.knowledge.services.sources import MOST_TABLE_ROWS

EMPTY = "There is no text in it."
NEVER_FETCHED = "It could not be fetched so far."
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")


@dataclass(frozen=True)
class Wanted:
    """A passage: `text[start:end]` of its source."""

    text: str
    start: int
    end: int
    content_hash: bytes


@dataclass(frozen=True)
class Content:
    """What a source holds: its text, whether that is Markdown, and of an uploaded table its columns and rows."""

    text: str
    markdown: bool
    columns: Sequence[Mapping[str, str]] = ()
    rows: Sequence[Sequence[str]] = ()


def text_of_text(title: str, body: str) -> str:
    """A text with its title, both of which are searched."""
    return f"# {title}\n\n{body}"


def text_of_page(title: str | None, text: str) -> str:
    """The text of a web page under its title, unless it begins with a heading of its own."""
    return f"# {title}\n\n{text}" if title and not text.lstrip().startswith("# ") else text


def content_of_file(org_id: UUID, blob_id: UUID, media_type: str) -> Content:
    """Read a stored file in a limited child process. Raises Unreadable."""
    document = _parse(org_id, blob_id, media_type)
    return Content(document.text, markdown=media_type not in {PLAIN, CSV})


def content_of_upload(org_id: UUID, blob_id: UUID, media_type: str) -> Content:
    """Read a stored table, whose first row names the columns. Raises Unreadable."""
    tables = _parse(org_id, blob_id, media_type).tables
    if not tables:
        raise Unreadable("There is no table in the file.")
    head, *rows = tables[0].rows
    if len(rows) > MOST_TABLE_ROWS:
        raise Unreadable(f"The table has {len(rows):,} rows; at most {MOST_TABLE_ROWS:,} can be kept.")
    width = max(len(row) for row in tables[0].rows)
    names = [name.strip() or f"Column {number}" for number, name in enumerate(_filled(head, width), 1)]
    filled = [_filled(row, width) for row in rows]
    columns = [{"name": name, "type": _type(filled, place)} for place, name in enumerate(names)]
    return Content("", markdown=False, columns=columns, rows=filled)


def cut(content: Content, chunking: Mapping[str, Any]) -> list[Wanted]:
    """The passages of a text. Raises Unreadable if there are none."""
    pieces = split(
        content.text, size=chunking["size"], overlap=chunking["overlap"], markdown=content.markdown
    )
    found = [_wanted(piece.text, piece.start) for piece in pieces]
    if not found:
        raise Unreadable(EMPTY)
    return found


def cut_rows(columns: Sequence[Mapping[str, str]], rows: Sequence[Sequence[str]]) -> list[Wanted]:
    """A passage for each row of a table, with a line for each filled cell. Raises Unreadable if there are none."""
    names, start, found = [column["name"] for column in columns], 0, []
    for row in rows:
        words = "\n".join(f"{name}: {cell}" for name, cell in zip_longest(names, row, fillvalue="") if cell)
        if words:
            found.append(_wanted(words, start))
            start += len(words) + 2
    if not found:
        raise Unreadable(EMPTY)
    return found


def _wanted(words: str, start: int) -> Wanted:
    digest = hashlib.sha256(words.encode("utf-8", "replace")).digest()
    return Wanted(words, start, start + len(words), digest)


def _parse(org_id: UUID, blob_id: UUID, media_type: str) -> Any:
    with NamedTemporaryFile(prefix="agentpress-") as file:
        with transaction():
            for part in read_blob(org_id, blob_id):
                file.write(part)
        file.flush()
        return parse(Path(file.name), media_type)


def _filled(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _type(rows: Sequence[Sequence[str]], place: int) -> str:
    """What a column holds, by its cells."""
    cells = [row[place].strip() for row in rows if row[place].strip()]
    return "number" if cells and all(_NUMBER.fullmatch(cell) for cell in cells) else "text"
