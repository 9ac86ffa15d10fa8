"""Personas in the database. As with agents, every change first counts itself on the organisation's row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Uuid, any_, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.agents.models import Agent, Persona
from app.agents.repo.counting import count_change
from app.db.base import db
from app.db.cursor import Order, Page, neighbour, paginate
from app.web.conditions import searched, within
from app.web.listing import ListState

NAME_KEY = "personas_org_id_name_key"
NOTE_LENGTH = 300
USERS_SHOWN = 20

_STATUS = case((Persona.archived, "archived"), else_="active")
_USERS = (
    select(func.count())
    .where(Agent.org_id == Persona.org_id, Agent.persona_id == Persona.id, Agent.deleted_at.is_(None))
    .correlate(Persona)
    .scalar_subquery()
)
_SORTS: Mapping[str, Any] = {
    "name": func.lower(Persona.name),
    "updated": Persona.updated_at.expression,
    "created": Persona.created_at.expression,
    "agents": _USERS,
}
_LISTED: Mapping[str, Any] = {
    "id": Persona.id,
    "name": Persona.name,
    "description": func.left(Persona.description, NOTE_LENGTH),
    "status": _STATUS,
    "agents": _USERS,
    "created_at": Persona.created_at,
    "updated_at": Persona.updated_at,
}


class PersonaNameTaken(Exception):
    """Another persona of the organisation has this name, in whatever case."""


@dataclass(frozen=True)
class PersonaRow:
    """A persona in a list; `status` is active or archived, `agents` counts those that use it."""

    id: UUID
    name: str
    description: str | None
    status: str
    agents: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Users:
    """The agents, not deleted, that use a persona: how many, and id and name of the first of them."""

    count: int
    first: Sequence[tuple[UUID, str]]


class PersonaRepo:
    """Personas of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[PersonaRow]:
        """The rows of a list page; two statements."""
        listed = [column.label(name) for name, column in _LISTED.items()]
        return paginate(
            self._session,
            _filtered(org_id, state, listed),
            _order(state),
            state.request,
            lambda row: PersonaRow(*row[: len(_LISTED)]),
        )

    def beside(self, org_id: UUID, state: ListState, persona_id: UUID, *, backward: bool) -> UUID | None:
        """The persona before or after another one in a list; at its end the same one. None if there is no such one."""
        order = _order(state)
        place = select(Persona.id, order.column).where(Persona.org_id == org_id, Persona.id == persona_id)
        statement = _filtered(org_id, state, (Persona.id,))
        return neighbour(self._session, statement, order, place, backward=backward)

    def matching(self, org_id: UUID, state: ListState, limit: int) -> Sequence[UUID]:
        """The ids of all matching rows, at most `limit`."""
        return self._session.scalars(_filtered(org_id, state, (Persona.id,)).limit(limit)).all()

    def any(self, org_id: UUID) -> bool:
        """Whether there is a persona at all, archived ones included."""
        found = select(Persona.id).where(Persona.org_id == org_id)
        return bool(self._session.scalar(select(found.exists())))

    def get(self, org_id: UUID, persona_id: UUID) -> Persona | None:
        """A persona as it is stored now."""
        statement = select(Persona).where(Persona.org_id == org_id, Persona.id == persona_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def users(self, org_id: UUID, persona_id: UUID) -> Users:
        """The agents that use a persona; one statement."""
        statement = (
            select(Agent.id, Agent.name, func.count().over())
            .where(Agent.org_id == org_id, Agent.persona_id == persona_id, Agent.deleted_at.is_(None))
            .order_by(func.lower(Agent.name), Agent.id)
            .limit(USERS_SHOWN)
        )
        rows = self._session.execute(statement).all()
        return Users(rows[0][2] if rows else 0, [(row[0], row[1]) for row in rows])

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> Persona:
        """Store a new persona. Raises PersonaNameTaken."""
        count_change(self._session, org_id)
        persona = Persona(org_id=org_id, **values)
        with _unique_names(self._session):
            self._session.add(persona)
            self._session.flush()
        return persona

    def change(
        self, org_id: UUID, persona_id: UUID, lock_version: int, values: Mapping[str, Any]
    ) -> Persona | None:
        """Set `values` if nobody changed it since `lock_version`; None otherwise. Raises PersonaNameTaken."""
        count_change(self._session, org_id)
        statement = (
            update(Persona)
            .where(Persona.org_id == org_id, Persona.id == persona_id, Persona.lock_version == lock_version)
            .values(**values, lock_version=Persona.lock_version + 1)
            .returning(Persona)
        )
        with _unique_names(self._session):
            return self._session.scalar(statement, execution_options={"populate_existing": True})

    def lock(self, org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Begin a change of these personas: id, name and status of those that exist, in order of name."""
        count_change(self._session, org_id)
        return self._session.execute(
            select(Persona.id, Persona.name, _STATUS.label("status"))
            .where(Persona.org_id == org_id, Persona.id == any_(literal(list(ids), ARRAY(Uuid))))
            .order_by(func.lower(Persona.name), Persona.id)
            .with_for_update()
        ).all()

    def set_archived(self, org_id: UUID, ids: Sequence[UUID], *, archived: bool) -> list[Row[Any]]:
        """Archive or restore; returns id, name and new status of what was changed."""
        statement = (
            update(Persona)
            .where(Persona.org_id == org_id, Persona.id == any_(literal(list(ids), ARRAY(Uuid))))
            .values(archived=archived, lock_version=Persona.lock_version + 1)
            .returning(Persona.id, Persona.name, _STATUS.label("status"))
            .execution_options(synchronize_session=False)
        )
        return list(self._session.execute(statement))

    def remove(self, org_id: UUID, persona_id: UUID) -> None:
        """Delete a persona for good; agents that were deleted themselves come back without it."""
        self._session.execute(delete(Persona).where(Persona.org_id == org_id, Persona.id == persona_id))


@contextmanager
def _unique_names(session: Session) -> Iterator[None]:
    """A savepoint; a violation of the unique name leaves it as PersonaNameTaken."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if NAME_KEY in str(error.orig):
            raise PersonaNameTaken from error
        raise


def _order(state: ListState) -> Order:
    return Order(_SORTS[state.sort_key], Persona.id.expression, state.descending)


def _filtered(org_id: UUID, state: ListState, columns: Sequence[Any]) -> Select[Any]:
    wanted = set(state.chosen.get("status", ("active",))) - set(state.excluded.get("status", ()))
    return select(*columns).where(
        Persona.org_id == org_id,
        _STATUS.in_(wanted),
        *searched(state, Persona.name, Persona.description),
        *within(state, "created", Persona.created_at),
        *within(state, "updated", Persona.updated_at),
    )
