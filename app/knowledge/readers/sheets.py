"""XLSX and CSV: tables as rows, and as text."""

import csv
import datetime as dt
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openpyxl

from app.knowledge.readers import archive
from app.knowledge.readers.document import (
    MOST_CELLS,
    MOST_CHARACTERS,
    TOO_LONG,
    TOO_MANY_CELLS,
    Document,
    Table,
    Unreadable,
)
from app.knowledge.readers.markup import table
from app.knowledge.readers.text import clean, read_text

_SNIFFED = 65_536
_LARGEST_CELL = 1_000_000


def read(path: Path) -> Document:
    """Read the visible sheets of a workbook; formulas give the values they had when it was saved."""
    archive.check(path, "xl/workbook.xml")
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    budget = _Budget()
    tables = []
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            sheet.reset_dimensions()  # what a file claims about its size may be far off
            rows = budget.rows([_shown(value) for value in row] for row in sheet.iter_rows(values_only=True))
            tables.append(Table(sheet.title, rows))
    tables = [one for one in tables if one.rows]
    text = "\n\n".join(f"## {one.name}\n\n{table(one.rows)}" for one in tables)
    return Document(archive.title(path), text, tuple(tables))


def read_csv(path: Path) -> Document:
    """Read values parted by commas, semicolons, tabs or bars, whichever the file uses."""
    text = clean(read_text(path))
    csv.field_size_limit(_LARGEST_CELL)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:_SNIFFED], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = _Budget().rows(csv.reader(io.StringIO(text), dialect))
    except csv.Error as error:
        raise Unreadable(f"The table is damaged: {error}.") from error
    return Document("", table(rows), (Table("", rows),) if rows else ())


class _Budget:
    """What may still be read of a file's cells and characters."""

    def __init__(self) -> None:
        self._cells = MOST_CELLS
        self._characters = MOST_CHARACTERS

    def rows(self, given: Iterable[list[str]]) -> tuple[tuple[str, ...], ...]:
        """Return the rows that are not blank, cut after their last cell; raises Unreadable over budget."""
        rows = []
        for row in given:
            while row and not row[-1].strip():
                row.pop()
            if not row:
                continue
            self._cells -= len(row)
            self._characters -= sum(map(len, row))
            if self._cells < 0:
                raise Unreadable(TOO_MANY_CELLS)
            if self._characters < 0:
                raise Unreadable(TOO_LONG)
            rows.append(tuple(clean(cell).strip() for cell in row))
        return tuple(rows)


def _shown(value: object) -> str:
    """Return a cell's value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    return str(value)
