"""Keyset paging: every page costs what the first one costs, and stays put while rows come and go.

The order is total: one sort expression, then the id in the same direction, nulls last.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session

COUNT_CAP = 10_000

Source = TypeVar("Source")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Position:
    """An edge row: its sort value and id, and its ordinal in the list (None after a jump to an uncounted end)."""

    value: Any
    id: UUID
    ordinal: int | None
    backward: bool = False


@dataclass(frozen=True)
class PageRequest:
    """At most `per` rows, after or before a position, or the last ones, or those beyond an `offset`.

    With `exact`, rows beyond a position are not replaced by others when they are gone.
    """

    per: int = 20
    position: Position | None = None
    last: bool = False
    offset: int = 0
    exact: bool = False

    @property
    def backward(self) -> bool:
        """Whether the rows are read against the order."""
        return self.last or (self.position is not None and self.position.backward)


@dataclass(frozen=True)
class Order:
    """What a list is sorted by. `nullable` sorts cannot use a row comparison."""

    column: ColumnElement[Any]
    id: ColumnElement[Any]
    descending: bool
    nullable: bool = False


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Rows in list order, the ordinal of the first, the capped total, and the positions to go on from."""

    rows: Sequence[Item]
    first: int | None
    total: int
    capped: bool
    previous: Position | None
    next: Position | None


def paginate(
    session: Session,
    statement: Select[Any],
    order: Order,
    request: PageRequest,
    make: Callable[[Row[Any]], Item],
) -> Page[Item]:
    """Run `statement` for one page and its capped count: two SQL statements.

    `statement` selects the columns `make` needs, filtered but unordered, `order.id` among them as `id`.
    If all rows beyond the position are gone, the end of the list that lies there is read instead (a third statement).
    """
    counted = session.execute(_capped_count(statement)).scalar_one()
    total = None if counted > COUNT_CAP else counted
    rows, more = _read(session, statement, order, request, total) if counted else ([], False)
    if counted and not rows and request.position is not None and not request.exact:
        request = PageRequest(request.per, last=not request.backward)
        rows, more = _read(session, statement, order, request, total)
    has_previous = more if request.backward else request.position is not None or request.offset > 0
    has_next = not request.last if request.backward else more
    first = _first_ordinal(request, len(rows), total=total, has_previous=has_previous)
    last = first + len(rows) - 1 if first is not None else None
    return Page(
        rows=[make(row) for row in rows],
        first=first,
        total=COUNT_CAP if total is None else total,
        capped=total is None,
        previous=_edge(rows[0], first, backward=True) if rows and has_previous else None,
        next=_edge(rows[-1], last, backward=False) if rows and has_next else None,
    )


def stream(session: Session, statement: Select[Any]) -> Generator[Mapping[str, Any]]:
    """The rows of `statement`, read in small parts from one snapshot; closing the generator ends the reading."""
    with session.execute(statement, execution_options={"yield_per": 500}) as rows:
        for row in rows.mappings():
            yield dict(row)


def _capped_count(statement: Select[Any]) -> Select[Any]:
    found: Select[Any] = (
        statement.with_only_columns(literal_column("1"), maintain_column_froms=True)
        .order_by(None)
        .limit(COUNT_CAP + 1)
    )
    return select(func.count()).select_from(found.subquery())


def _read(
    session: Session, statement: Select[Any], order: Order, request: PageRequest, total: int | None
) -> tuple[list[Row[Any]], bool]:
    """The rows of a page in list order, and whether there are more in reading direction."""
    limit = request.per
    if request.last and total is not None:
        limit = total % request.per or request.per
    window = _window(statement, order, request).limit(limit + 1).offset(request.offset or None)
    rows = list(session.execute(window).all())
    more, rows = len(rows) > limit, rows[:limit]
    if request.backward:
        rows.reverse()
    return rows, more


def _window(statement: Select[Any], order: Order, request: PageRequest) -> Select[Any]:
    descending = order.descending != request.backward
    column = order.column.desc() if descending else order.column.asc()
    column = column.nulls_first() if request.backward else column.nulls_last()
    ordered = statement.add_columns(order.column.label("sort_value")).order_by(
        column, order.id.desc() if descending else order.id.asc()
    )
    if request.position is None:
        return ordered
    return ordered.where(_beyond(order, request.position, descending=descending))


def _beyond(order: Order, position: Position, *, descending: bool) -> ColumnElement[bool]:
    """Rows strictly past the position, in reading direction."""
    value, row_id = literal(position.value, order.column.type), literal(position.id, order.id.type)
    here, there = tuple_(order.column, order.id), tuple_(value, row_id)
    past = here < there if descending else here > there
    if not order.nullable:
        return past
    is_null = order.column.is_(None)
    later_id = order.id < row_id if descending else order.id > row_id
    if position.value is None:
        among_nulls = and_(is_null, later_id)
        return or_(order.column.is_not(None), among_nulls) if position.backward else among_nulls
    return and_(order.column.is_not(None), past) if position.backward else or_(past, is_null)


def _first_ordinal(request: PageRequest, count: int, *, total: int | None, has_previous: bool) -> int | None:
    if not count:
        return 0
    if not has_previous:
        return 1
    if request.offset:
        return request.offset + 1
    if request.last:
        return None if total is None else total - count + 1
    ordinal = request.position.ordinal if request.position else None
    if ordinal is None:
        return None
    return max(2, ordinal - count) if request.backward else ordinal + 1


def _edge(row: Row[Any], ordinal: int | None, *, backward: bool) -> Position:
    return Position(row.sort_value, row.id, ordinal, backward)
