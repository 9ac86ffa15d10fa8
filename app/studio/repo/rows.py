"""Rows of any table: identifiers come from the catalogue and are quoted, values are bound, secrets are never read."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Row,
    Select,
    TableClause,
    Text,
    Uuid,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, array
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType, TypeEngine

from app.db import terms
from app.db.cursor import COUNT_CAP, Found, Page, PageRequest, turn
from app.db.rows import Rows
from app.studio.repo.catalogue import Column, Table
from app.web.conditions import between, chosen, within
from app.web.listing import ListState

CELL_LENGTH = 200
LINE_LENGTH = 80
SECONDS_LENGTH = len("2026-11-25 16:00:00")
VALUE_LENGTH = 100_000
CUT = f" … [cut after {VALUE_LENGTH:,} characters]"
"""What follows the beginning of a longer value."""
_NO_ID = UUID(int=0)
_TYPES: Mapping[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "whole": BigInteger(),
    "number": Numeric(),
    "moment": TIMESTAMP(timezone=True),
    "text": Text(),
}


@dataclass(frozen=True)
class DataRow:
    """A row: its key as text values, none if it cannot be opened, and its cells by column.

    A cell is None for NULL, a number or a text; hidden columns hold an empty text.
    """

    key: tuple[str, ...]
    cells: Mapping[str, Any]


class RowRepo:
    """Rows as the session's scope may see them; those of an organisation only with its id."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, org_id: UUID | None, table: Table, state: ListState) -> Page[DataRow]:
        """The rows of a list page in the order of the primary key; two statements."""
        filtered = _filtered(org_id, table, state)
        counted = self._session.execute(_capped_count(filtered)).scalar_one()
        total = None if counted > COUNT_CAP else counted
        statement = _select(filtered, table, state.columns, CELL_LENGTH)

        def read(wanted: PageRequest) -> Found:
            window = _window(statement, table, state, wanted).limit(wanted.per + 1)
            return Found(self._session.execute(window).all(), total, COUNT_CAP)

        def make(row: Row[Any]) -> DataRow:
            return _row(table, row)

        if table.key:
            return turn(state.request, read, make)
        return replace(turn(PageRequest(state.per), read, make), next=None)

    def stream(self, org_id: UUID | None, table: Table, state: ListState) -> Generator[Mapping[str, Any]]:
        """Every matching row with the shown columns from one snapshot in small parts; longer values end with CUT."""
        statement = _select(_filtered(org_id, table, state), table, state.columns, VALUE_LENGTH + 1)
        rows = Rows(self._session, _window(statement, table, state, PageRequest()))
        for record in rows.records():
            yield {name: _cut(record[_label(table, name)]) for name in state.columns}

    def get(self, org_id: UUID | None, table: Table, key: tuple[str, ...]) -> DataRow | None:
        """One row with all its columns; the values of the key are texts that fit their columns. Longer ones are CUT."""
        names = tuple(column.name for column in table.columns)
        found = _select(_scoped(org_id, table), table, names, VALUE_LENGTH + 1).where(
            _keys(table) == _bound(table, key)
        )
        row = self._session.execute(found).one_or_none()
        return None if row is None else _row(table, row)


def _scoped(org_id: UUID | None, table: Table) -> Select[Any]:
    """All rows of a platform's table, those of the organisation of one that belongs to organisations, else none."""
    rows: Select[Any] = select(literal_column("1")).select_from(_relation(table))
    if not table.guarded:
        return rows
    return rows.where(
        _column(table, "org_id") == literal(org_id, Uuid()) if table.of_orgs and org_id else false()
    )


def _filtered(org_id: UUID | None, table: Table, state: ListState) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    for name in {*state.chosen, *state.excluded} - {"org"}:
        conditions += chosen(state, name, cast(_column(table, name), Text))
    for name in state.spans:
        conditions += within(state, name, _column(table, name))
    for name in state.bounds:
        conditions += between(state, name, _column(table, name))
    conditions += [_holds(table, term) for term in state.terms]
    return _scoped(org_id, table).where(*conditions)


def _holds(table: Table, term: str) -> ColumnElement[bool]:
    """The term occurs in a text that is shown, or is one of the row's ids."""
    places: list[ColumnElement[bool]] = [
        cast(_column(table, column.name), Text).ilike(terms.contains(term))
        for column in table.columns
        if column.shown and column.kind in {"text", "json"}
    ]
    try:
        wanted = UUID(term) if len(term) == 36 else None
    except ValueError:
        wanted = None
    if wanted:
        places += [
            _column(table, column.name) == literal(wanted, Uuid())
            for column in table.columns
            if column.shown and column.kind == "id"
        ]
    return or_(false(), *places)


def _select(rows: Select[Any], table: Table, names: tuple[str, ...], length: int) -> Select[Any]:
    """The columns by place, because names may be anything, then the key as texts, which a position is made of."""
    cells = [
        _cell(table.column(name), _column(table, name), length).label(_label(table, name)) for name in names
    ]
    key = cast(array([cast(_column(table, name), Text) for name in table.key]), ARRAY(Text))
    edge = key.label("sort_value"), literal(_NO_ID, Uuid()).label("id")
    return rows.with_only_columns(*cells, *edge, maintain_column_froms=True)


def _cell(column: Column, value: ColumnElement[Any], length: int) -> ColumnElement[Any]:
    if not column.readable:
        return literal("", Text())
    if not column.shown:
        return case((value.is_(None), None), else_=literal("", Text()))
    if column.kind == "whole":
        return value
    if column.kind == "number":
        return type_coerce(value, NullType())
    words: ColumnElement[Any] = cast(value, Text)
    if length == CELL_LENGTH and column.kind == "moment":
        return func.left(words, SECONDS_LENGTH)
    if length > CELL_LENGTH and column.kind == "json":
        words = case((func.length(words) > LINE_LENGTH, func.jsonb_pretty(cast(value, JSONB))), else_=words)
    return func.left(words, length)


def _window(statement: Select[Any], table: Table, state: ListState, request: PageRequest) -> Select[Any]:
    if not table.key:
        return statement
    descending = state.descending != request.backward
    columns = [_column(table, name) for name in table.key]
    ordered = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    if request.position is None:
        return ordered
    here, there = _keys(table), _bound(table, tuple(request.position.value))
    return ordered.where(here < there if descending else here > there)


def _keys(table: Table) -> Any:
    return tuple_(*(_column(table, name) for name in table.key))


def _bound(table: Table, key: tuple[str, ...]) -> Any:
    columns = [table.column(name) for name in table.key]
    return tuple_(
        *(literal(_value(column, text), _type(column)) for column, text in zip(columns, key, strict=True))
    )


def _value(column: Column, text: str) -> Any:
    return {"id": UUID, "whole": int}.get(column.kind, str)(text)


def _column(table: Table, name: str) -> ColumnElement[Any]:
    return _relation(table).c[name]


@lru_cache(maxsize=64)
def _relation(table: Table) -> TableClause:
    columns = (sql_column(column.name, _type(column)) for column in table.columns)
    return sql_table(table.name, *columns, schema="public")


def _type(column: Column) -> TypeEngine[Any]:
    return _TYPES.get(column.kind, Text())


def _label(table: Table, name: str) -> str:
    return f"cell_{[column.name for column in table.columns].index(name)}"


def _row(table: Table, row: Row[Any]) -> DataRow:
    found = row._mapping  # noqa: SLF001 - the public name of Row's mapping
    labels = {column.name: _label(table, column.name) for column in table.columns}
    return DataRow(
        tuple(row.sort_value), {name: _cut(found[label]) for name, label in labels.items() if label in found}
    )


def _cut(value: Any) -> Any:
    return value[:VALUE_LENGTH] + CUT if isinstance(value, str) and len(value) > VALUE_LENGTH else value


def _capped_count(statement: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(statement.limit(COUNT_CAP + 1).subquery())
