"""What a list's state asks for, as SQL conditions."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Numeric, literal, or_

from app.db import terms
from app.web.listing import ListState


def searched(state: ListState, *columns: Any) -> list[ColumnElement[bool]]:
    """Each word searched for occurs in one of the columns, whatever its case."""
    return [or_(*(column.ilike(terms.contains(term)) for column in columns)) for term in state.terms]


def chosen(state: ListState, key: str, column: Any) -> list[ColumnElement[bool]]:
    """The column holds one of the values chosen for a filter and none of those excluded."""
    conditions = []
    if key in state.chosen:
        conditions.append(column.in_(state.chosen[key]))
    if key in state.excluded:
        conditions.append(column.not_in(state.excluded[key]))
    return conditions


def within(state: ListState, key: str, column: Any) -> list[ColumnElement[bool]]:
    """The column lies in the range given for a date filter."""
    span = state.spans.get(key)
    if span is None:
        return []
    bounds = [column >= span.start if span.start else None, column < span.end if span.end else None]
    return [bound for bound in bounds if bound is not None]


def between(state: ListState, key: str, column: Any, unit: int = 1) -> list[ColumnElement[bool]]:
    """The column, which counts so many per `unit` of the filter, lies in its range, both ends included."""
    bounds = state.bounds.get(key)
    if bounds is None:
        return []
    conditions = []
    if bounds.low is not None:
        conditions.append(column >= _end(column, bounds.low * unit, ROUND_CEILING))
    if bounds.high is not None:
        conditions.append(column <= _end(column, bounds.high * unit, ROUND_FLOOR))
    return conditions


def _end(column: Any, number: Decimal, rounding: str) -> ColumnElement[Any]:
    """The end as a value that an index on the column can use and that fits, however large."""
    if isinstance(column.type, Integer):
        return literal(int(number.to_integral_value(rounding)), BigInteger)
    return literal(number, Numeric)
