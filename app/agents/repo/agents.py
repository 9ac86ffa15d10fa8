"""Agents in the database. Every change first counts itself on the organisation's row, which also orders the changes."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Uuid,
    and_,
    any_,
    case,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, load_only

from app.agents.models import Agent
from app.db import terms
from app.db.base import db
from app.db.cursor import Order, Page, neighbour, paginate, stream
from app.orgs.models import Org
from app.web.listing import ListState

SHOWN_BY_DEFAULT = frozenset({"enabled", "disabled"})
CHOICES_CAP = 200
NOTE_LENGTH = 300
NAME_KEY = "agents_org_id_name_key"

_STATUS = case(
    (Agent.deleted_at.is_not(None), "deleted"),
    (Agent.archived, "archived"),
    (Agent.enabled, "enabled"),
    else_="disabled",
)
_HAS_STATUS: Mapping[str, ColumnElement[bool]] = {
    "enabled": and_(Agent.deleted_at.is_(None), ~Agent.archived, Agent.enabled),
    "disabled": and_(Agent.deleted_at.is_(None), ~Agent.archived, ~Agent.enabled),
    "archived": and_(Agent.deleted_at.is_(None), Agent.archived),
    "deleted": Agent.deleted_at.is_not(None),
}
_SORTS: Mapping[str, ColumnElement[Any]] = {
    "name": func.lower(Agent.name),
    "updated": Agent.updated_at,  # type: ignore[dict-item]
    "created": Agent.created_at,  # type: ignore[dict-item]
    "model": func.lower(Agent.primary_model),
}
_LISTED = (
    Agent.id,
    Agent.name,
    func.left(Agent.description, NOTE_LENGTH).label("description"),
    _STATUS.label("status"),
    Agent.primary_model_provider.label("provider"),
    Agent.primary_model.label("model"),
    Agent.primary_model_temperature.label("temperature"),
    Agent.created_at,
    Agent.updated_at,
)
_EXPORTED = (*_LISTED[:2], Agent.description, *_LISTED[3:], Agent.prompt)


class NameTaken(Exception):
    """Another agent of the organisation has this name, in whatever case."""


@dataclass(frozen=True)
class AgentRow:
    """An agent in a list; `description` is its beginning."""

    id: UUID
    name: str
    description: str | None
    status: str
    provider: str | None
    model: str | None
    temperature: float | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Choices:
    """The values the organisation's agents hold, for filters and suggestions."""

    providers: tuple[str, ...]
    models: tuple[str, ...]


class AgentRepo:
    """Agents of one organisation; deleted ones are found by id and by the status filter only."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[AgentRow]:
        """The rows of a list page; two statements."""
        return paginate(self._session, _filtered(org_id, state, _LISTED), _order(state), state.request, _row)

    def beside(self, org_id: UUID, state: ListState, agent_id: UUID, *, backward: bool) -> UUID | None:
        """The agent before or after another one in a list; at its end the same one. None if there is no such agent."""
        order = _order(state)
        place = select(Agent.id, order.column).where(Agent.org_id == org_id, Agent.id == agent_id)
        statement = _filtered(org_id, state, (Agent.id,))
        return neighbour(self._session, statement, order, place, backward=backward)

    def choices(self, org_id: UUID) -> Choices:
        """The providers and models in use, at most 200 of each."""
        columns = {"provider": Agent.primary_model_provider, "model": Agent.primary_model}
        parts = [
            select(literal(kind).label("kind"), column.label("value"))
            .where(Agent.org_id == org_id, column.is_not(None))
            .distinct()
            .order_by(column)
            .limit(CHOICES_CAP)
            .subquery()
            for kind, column in columns.items()
        ]
        rows = self._session.execute(select(parts[0]).union_all(select(parts[1]))).all()
        found = {kind: tuple(sorted(value for of, value in rows if of == kind)) for kind in columns}
        return Choices(providers=found["provider"], models=found["model"])

    def stream(self, org_id: UUID, state: ListState) -> Generator[Mapping[str, Any]]:
        """Every matching agent with its prompt in list order, read from one snapshot in small parts."""
        order = _order(state)
        column = order.column.desc() if order.descending else order.column.asc()
        statement = _filtered(org_id, state, _EXPORTED).order_by(
            column.nulls_last(), order.id.desc() if order.descending else order.id.asc()
        )
        return stream(self._session, statement)

    def matching(self, org_id: UUID, state: ListState, limit: int) -> Sequence[UUID]:
        """The ids of all matching rows, at most `limit`."""
        return self._session.scalars(_filtered(org_id, state, (Agent.id,)).limit(limit)).all()

    def named(self, org_id: UUID, words: Sequence[str], limit: int) -> list[Agent]:
        """Agents, not deleted, in whose name or description all words occur; by name."""
        statement = (
            select(Agent)
            .where(Agent.org_id == org_id, Agent.deleted_at.is_(None), *(_matches(word) for word in words))
            .options(load_only(Agent.id, Agent.name, Agent.description, raiseload=True))
            .order_by(func.lower(Agent.name), Agent.id)
            .limit(limit)
        )
        return list(self._session.scalars(statement))

    def any(self, org_id: UUID) -> bool:
        """Whether there is an agent at all, archived ones included and deleted ones left out."""
        found = select(Agent.id).where(Agent.org_id == org_id, Agent.deleted_at.is_(None))
        return bool(self._session.scalar(select(found.exists())))

    def get(self, org_id: UUID, agent_id: UUID) -> Agent | None:
        """An agent, deleted or not, as it is stored now."""
        statement = select(Agent).where(Agent.org_id == org_id, Agent.id == agent_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def taken(self, org_id: UUID, names: Sequence[str]) -> set[str]:
        """Those of `names`, in lower case, that agents of the organisation have."""
        lowered = func.lower(Agent.name)
        wanted = [func.lower(name) for name in names]
        statement = select(lowered).where(
            Agent.org_id == org_id, Agent.deleted_at.is_(None), lowered.in_(wanted)
        )
        return set(self._session.scalars(statement))

    def ids_of(self, org_id: UUID, names: Sequence[str]) -> Sequence[UUID]:
        """The agents with exactly these names."""
        statement = select(Agent.id).where(
            Agent.org_id == org_id, Agent.deleted_at.is_(None), Agent.name.in_(names)
        )
        return self._session.scalars(statement).all()

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> Agent:
        """Store a new agent. Raises NameTaken."""
        self._count_change(org_id)
        agent = Agent(org_id=org_id, **values)
        with _unique_names(self._session):
            self._session.add(agent)
            self._session.flush()
        return agent

    def change(
        self, org_id: UUID, agent_id: UUID, lock_version: int, values: Mapping[str, Any]
    ) -> Agent | None:
        """Set `values` if nobody changed the agent since `lock_version`; None otherwise. Raises NameTaken."""
        self._count_change(org_id)
        statement = (
            update(Agent)
            .where(
                Agent.org_id == org_id,
                Agent.id == agent_id,
                Agent.lock_version == lock_version,
                Agent.deleted_at.is_(None),
            )
            .values(**values, lock_version=Agent.lock_version + 1)
            .returning(Agent)
        )
        with _unique_names(self._session):
            return self._session.scalar(statement, execution_options={"populate_existing": True})

    def lock(self, org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Begin a change of these agents: id, name and status of those that exist, in order of name."""
        self._count_change(org_id)
        return self._session.execute(
            select(Agent.id, Agent.name, _STATUS.label("status"))
            .where(Agent.org_id == org_id, Agent.id == any_(literal(list(ids), ARRAY(Uuid))))
            .order_by(func.lower(Agent.name), Agent.id)
            .with_for_update()
        ).all()

    def erase(self, org_id: UUID, before: datetime, limit: int) -> Sequence[Row[UUID, str]]:
        """Delete for good some that were deleted before a moment; their ids and names."""
        self._count_change(org_id)
        due = select(Agent.id).where(Agent.org_id == org_id, Agent.deleted_at < before).limit(limit)
        statement = delete(Agent).where(Agent.org_id == org_id, Agent.id.in_(due))
        return self._session.execute(statement.returning(Agent.id, Agent.name)).all()

    def set_archived(self, org_id: UUID, ids: Sequence[UUID], *, archived: bool) -> list[Row[Any]]:
        """Archive or restore; returns id, name and new status of what was changed."""
        return self._set(org_id, ids, archived=archived)

    def set_deleted(self, org_id: UUID, ids: Sequence[UUID], *, deleted: bool) -> list[Row[Any]]:
        """Delete (restorable) or bring back; returns id, name and new status of what was changed. Raises NameTaken."""
        return self._set(org_id, ids, deleted_at=func.now() if deleted else None)

    def _set(self, org_id: UUID, ids: Sequence[UUID], **values: Any) -> list[Row[Any]]:
        statement = (
            update(Agent)
            .where(Agent.org_id == org_id, Agent.id == any_(literal(list(ids), ARRAY(Uuid))))
            .values(**values, lock_version=Agent.lock_version + 1)
            .returning(Agent.id, Agent.name, _STATUS.label("status"))
            .execution_options(synchronize_session=False)
        )
        with _unique_names(self._session):
            return list(self._session.execute(statement))

    def _count_change(self, org_id: UUID) -> None:
        self._session.execute(
            update(Org)
            .where(Org.id == org_id)
            .values(agents_generation=Org.agents_generation + 1, updated_at=Org.updated_at)
            .execution_options(synchronize_session=False)
        )


@contextmanager
def _unique_names(session: Session) -> Iterator[None]:
    """A savepoint; a violation of the unique name leaves it as NameTaken."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if NAME_KEY in str(error.orig):
            raise NameTaken from error
        raise


def _row(row: Row[Any]) -> AgentRow:
    return AgentRow(*row[: len(_LISTED)])


def _order(state: ListState) -> Order:
    column = _SORTS[state.sort_key]
    return Order(column, Agent.id, state.descending, nullable=state.sort_key == "model")  # type: ignore[arg-type]


def _filtered(org_id: UUID, state: ListState, columns: Sequence[Any]) -> Select[Any]:
    return select(*columns).where(
        Agent.org_id == org_id,
        _statuses(state),
        *(_matches(term) for term in state.terms),
        *_values(state, "provider", Agent.primary_model_provider),
        *_values(state, "model", Agent.primary_model),
        *_within(state, "created", Agent.created_at),
        *_within(state, "updated", Agent.updated_at),
    )


def _statuses(state: ListState) -> ColumnElement[bool]:
    wanted = set(state.chosen.get("status", SHOWN_BY_DEFAULT)) - set(state.excluded.get("status", ()))
    if wanted == SHOWN_BY_DEFAULT:
        return and_(Agent.deleted_at.is_(None), ~Agent.archived)
    return or_(false(), *(condition for status, condition in _HAS_STATUS.items() if status in wanted))


def _matches(term: str) -> ColumnElement[bool]:
    pattern = terms.contains(term)
    return or_(Agent.name.ilike(pattern, escape="\\"), Agent.description.ilike(pattern, escape="\\"))


def _values(state: ListState, key: str, column: Any) -> Iterator[ColumnElement[bool]]:
    if key in state.chosen:
        yield column.in_(state.chosen[key])
    if key in state.excluded:
        yield or_(column.is_(None), column.not_in(state.excluded[key]))


def _within(state: ListState, key: str, column: Any) -> Iterator[ColumnElement[bool]]:
    span = state.spans.get(key)
    if span and span.start:
        yield column >= span.start
    if span and span.end:
        yield column < span.end
