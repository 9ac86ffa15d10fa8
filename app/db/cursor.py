"""Keyset paging: every page costs what the first one costs, and stays put while rows come and go.

The order is total: one sort expression, then the id in the same direction, nulls last.
"""

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Found:
    """What was read for a page: at most `per + 1` rows in reading direction, and how many there are in all.

    Where that was not counted to the end (None), there are at least `at_least`, or those that the page shows.
    """

    rows: Sequence[Row[Any]]
    total: int | None
    at_least: int = 0


def paginate(
    session: Session,
    statement: Select[Any],
    order: Order,
    request: PageRequest,
    make: Callable[[Row[Any]], Item],
    number: Select[Any] | None = None,
) -> Page[Item]:
    """Run `statement` for one page and its capped count: two SQL statements.

    `statement` selects the columns `make` needs, filtered but unordered, `order.id` among them as `id`. `number`
    says how many there are, or more than COUNT_CAP, where that can be told without reading its rows with their joins.
    If all rows beyond the position are gone, the end of the list that lies there is read instead (a third statement).
    """
    count = session.execute(capped_count(statement) if number is None else number).scalar_one()
    total = None if count > COUNT_CAP else count

    def read(wanted: PageRequest) -> Found:
        rows = session.execute(window(statement, order, wanted).limit(wanted.per + 1)).all() if count else ()
        return Found(rows, total, COUNT_CAP)

    return turn(request, read, make)


def turn(
    request: PageRequest, read: Callable[[PageRequest], Found], make: Callable[[Row[Any]], Item]
) -> Page[Item]:
    """The page of what `read` finds; where nothing is left beyond the position, the end of the list that lies there."""
    found = read(request)
    if not found.rows and found.total != 0 and request.position is not None and not request.exact:
        request = PageRequest(request.per, last=not request.backward)
        found = read(request)
    rows, more = _trimmed(found, request)
    has_previous = more if request.backward else request.position is not None or request.offset > 0
    has_next = not request.last if request.backward else more
    first = _first_ordinal(request, len(rows), total=found.total, has_previous=has_previous)
    last = first + len(rows) - 1 if first is not None else None
    shown = last if rows and last is not None else len(rows)
    ends_here = first is not None and not has_next and not found.at_least
    total = shown if found.total is None and ends_here else found.total
    return Page(
        rows=[make(row) for row in rows],
        first=first,
        total=found.at_least or shown if total is None else total,
        capped=total is None,
        previous=_edge(rows[0], first, backward=True) if rows and has_previous else None,
        next=_edge(rows[-1], last, backward=False) if rows and has_next else None,
    )


def neighbour(
    session: Session, statement: Select[Any], order: Order, place: Select[Any], *, backward: bool
) -> UUID | None:
    """The id of the row beside another one in a list: two SQL statements.

    `statement` selects `order.id` as `id`; `place` the id and the sort value of the other row, which need not be in the
    list any more. At the end of the list the answer is that row itself, and None if there is no such row.
    """
    here = session.execute(place).one_or_none()
    if here is None:
        return None
    position = Position(here[1], here[0], None, backward)
    row = session.execute(window(statement, order, PageRequest(1, position)).limit(1)).first()
    beside: UUID = position.id if row is None else row.id
    return beside


def capped_count(statement: Select[Any]) -> Select[Any]:
    """The number of its rows, one more than COUNT_CAP at most."""
    found: Select[Any] = (
        statement.with_only_columns(literal_column("1"), maintain_column_froms=True)
        .order_by(None)
        .limit(COUNT_CAP + 1)
    )
    return select(func.count()).select_from(found.subquery())


def _trimmed(found: Found, request: PageRequest) -> tuple[list[Row[Any]], bool]:
    """The rows of the page in list order, and whether there are more in reading direction."""
    limit = request.per
    if request.last and found.total is not None:
        limit = found.total % request.per or request.per
    rows, more = list(found.rows[:limit]), len(found.rows) > limit
    if request.backward:
        rows.reverse()
    return rows, more


def window(statement: Select[Any], order: Order, request: PageRequest) -> Select[Any]:
    """The rows of `statement` that the request begins with, in reading direction; sorted by what is `sort_value`."""
    descending = order.descending != request.backward
    column = order.column.desc() if descending else order.column.asc()
    if order.nullable:  # said of other columns, it would keep their index from giving the order
        column = column.nulls_first() if request.backward else column.nulls_last()
    ordered = statement.add_columns(order.column.label("sort_value")).order_by(
        column, order.id.desc() if descending else order.id.asc()
    )
    if request.position is None:
        return ordered.offset(request.offset or None)
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
