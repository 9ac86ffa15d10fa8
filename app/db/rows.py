"""All rows of a list, for files: read in parts from one snapshot, as records or as JSON that the database makes."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, Subquery, Text, cast, func, select
from sqlalchemy.orm import Session

from app.db.cursor import capped_count

IN_PARTS = {"yield_per": 500}
"""Rows that are held at a time; some are large.

Each part is a statement of its own for the time limit. COPY would be one, which whoever is slow to take it runs into.
"""


@dataclass(frozen=True)
class Rows:
    """All rows of a statement, in its order. Closing what reads them ends the reading."""

    session: Session
    statement: Select[Any]

    def count(self) -> int:
        """How many there are, one more than COUNT_CAP at most."""
        found: int = self.session.execute(capped_count(self.statement)).scalar_one()
        return found

    def records(self) -> Generator[Mapping[str, Any]]:
        """One row after the other."""
        with self.session.execute(self.statement, execution_options=IN_PARTS) as rows:
            names = tuple(rows.keys())
            for row in rows:
                yield dict(zip(names, row, strict=True))

    def lines(self, columns: Iterable[str], *, whole_seconds: bool = False) -> Generator[Sequence[str]]:
        """Some rows at a time, each a JSON object of these columns; moments to the second where asked."""
        there = self.statement.selected_columns
        fields = (_field(there[name], whole_seconds=whole_seconds).label(name) for name in columns)
        line = self.statement.with_only_columns(*fields, maintain_column_froms=True).subquery("line")
        with self.session.execute(select(as_json(line)), execution_options=IN_PARTS) as rows:
            yield from rows.scalars().partitions()


def as_json(rows: Subquery) -> ColumnElement[str]:
    """Each of the rows as the text of a JSON object."""
    return cast(func.row_to_json(rows.table_valued()), Text)


def _field(column: Any, *, whole_seconds: bool) -> ColumnElement[Any]:
    return (
        func.date_trunc("second", column) if whole_seconds and isinstance(column.type, DateTime) else column
    )
