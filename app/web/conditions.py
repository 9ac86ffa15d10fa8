"""What a list's state asks for, as SQL conditions."""

from typing import Any

from sqlalchemy import ColumnElement, or_

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
