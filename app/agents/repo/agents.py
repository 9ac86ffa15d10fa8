"""Agents in the database. Every change first counts itself on the organisation's row, which also orders the changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    case,
    cast,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, load_only

from app.agents.models import Agent, Persona
from app.agents.repo.counting import count_change
from app.db import terms
from app.db.base import db
from app.db.cursor import Order, Page, neighbour, paginate
from app.db.rows import Rows
from app.web.listing import ListState

SHOWN_BY_DEFAULT = frozenset({"enabled", "disabled"})
CHOICES_CAP = 200
NOTE_LENGTH = 300
NAME_KEY = "agents_org_id_name_key"
PERSONA_KEY = "agents_org_id_persona_id_fkey"
_KINDS = ("provider", "model", "persona")

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
    Agent.reasoning_effort.label("reasoning"),
    Agent.created_at,
    Agent.updated_at,
)
_EXPORTED = (*_LISTED[:2], Agent.description, *_LISTED[3:], Agent.prompt)


class NameTaken(Exception):
    """Another agent of the organisation has this name, in whatever case."""


class PersonaGone(Exception):
    """The organisation has no persona with this id."""


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
    reasoning: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Choices:
    """The values the organisation's agents hold, for filters and suggestions; `personas` are names by id."""

    providers: tuple[str, ...]
    models: tuple[str, ...]
    personas: Mapping[str, str] = field(default_factory=dict)


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
        """The providers, models and personas in use, at most 200 of each."""
        columns = {"provider": Agent.primary_model_provider, "model": Agent.primary_model}
        parts = [
            distinct_values(kind, column, column).where(Agent.org_id == org_id, column.is_not(None))
            for kind, column in columns.items()
        ]
        persona = and_(Persona.org_id == Agent.org_id, Persona.id == Agent.persona_id)
        named = distinct_values("persona", Persona.name, cast(Persona.id, Text)).join(Agent, persona)
        parts.append(named.where(Agent.org_id == org_id))
        rows = self._session.execute(union_all(*(select(part.subquery()) for part in parts))).all()
        found = {kind: sorted((row.words, row.value) for row in rows if row.kind == kind) for kind in _KINDS}
        return Choices(
            providers=tuple(value for _, value in found["provider"]),
            models=tuple(value for _, value in found["model"]),
            personas={value: words for words, value in found["persona"]},
        )

    def stream(self, org_id: UUID, state: ListState) -> Rows:
        """Every matching agent with its prompt in list order."""
        order = _order(state)
        column = order.column.desc() if order.descending else order.column.asc()
        statement = _filtered(org_id, state, _EXPORTED).order_by(
            column.nulls_last(), order.id.desc() if order.descending else order.id.asc()
        )
        return Rows(self._session, statement)

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
        """Store a new agent. Raises NameTaken, PersonaGone."""
        count_change(self._session, org_id)
        agent = Agent(org_id=org_id, **values)
        with _checked(self._session):
            self._session.add(agent)
            self._session.flush()
        return agent

    def change(
        self, org_id: UUID, agent_id: UUID, lock_version: int, values: Mapping[str, Any]
    ) -> Agent | None:
        """Set `values` if nobody changed the agent since `lock_version`; None otherwise.

        Raises NameTaken, PersonaGone.
        """
        count_change(self._session, org_id)
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
        with _checked(self._session):
            return self._session.scalar(statement, execution_options={"populate_existing": True})

    def lock(self, org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Begin a change of these agents: id, name and status of those that exist, in order of name."""
        count_change(self._session, org_id)
        return self._session.execute(
            select(Agent.id, Agent.name, _STATUS.label("status"))
            .where(Agent.org_id == org_id, Agent.id == any_(literal(list(ids), ARRAY(Uuid))))
            .order_by(func.lower(Agent.name), Agent.id)
            .with_for_update()
        ).all()

    def erase(self, org_id: UUID, before: datetime, limit: int) -> Sequence[Row[UUID, str]]:
        """Delete for good some that were deleted before a moment; their ids and names."""
        count_change(self._session, org_id)
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
        with _checked(self._session):
            return list(self._session.execute(statement))


@contextmanager
def _checked(session: Session) -> Iterator[None]:
    """A savepoint; a name in use leaves it as NameTaken, a persona that does not exist as PersonaGone."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if NAME_KEY in str(error.orig):
            raise NameTaken from error
        if PERSONA_KEY in str(error.orig):
            raise PersonaGone from error
        raise


def distinct_values(kind: str, words: Any, value: Any) -> Select[Any]:
    """The distinct values of a column, at most CHOICES_CAP; the words come first in order."""
    columns = (literal(kind).label("kind"), words.label("words"), value.label("value"))
    return select(*columns).distinct().order_by(words).limit(CHOICES_CAP)


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
        *_values(state, "persona", Agent.persona_id, UUID),
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


def _values(
    state: ListState, key: str, column: Any, read: Callable[[str], Any] = str
) -> Iterator[ColumnElement[bool]]:
    if key in state.chosen:
        yield column.in_([read(value) for value in state.chosen[key]])
    if key in state.excluded:
        yield or_(column.is_(None), column.not_in([read(value) for value in state.excluded[key]]))


def _within(state: ListState, key: str, column: Any) -> Iterator[ColumnElement[bool]]:
    span = state.spans.get(key)
    if span and span.start:
        yield column >= span.start
    if span and span.end:
        yield column < span.end
