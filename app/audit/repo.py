"""Reading the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, text
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.rows import Rows
from app.db.terms import contains
from app.web.conditions import chosen, within
from app.web.listing import ListState

UNDO_WINDOW = timedelta(hours=1)
_LISTED = (
    AuditEvent.id,
    AuditEvent.action,
    AuditEvent.target_type,
    AuditEvent.target_label,
    AuditEvent.actor_label,
    AuditEvent.address,
    AuditEvent.created_at,
)
_EXPORTED = (*_LISTED, AuditEvent.target_id, AuditEvent.request_id, AuditEvent.before, AuditEvent.after)
_CHOICES = text(
    """
    SELECT array_agg(DISTINCT actor_label) AS actors, array_agg(DISTINCT action) AS actions,
           array_agg(DISTINCT target_type) AS targets,
           array_agg(DISTINCT address) FILTER (WHERE address IS NOT NULL) AS addresses
      FROM (SELECT actor_label, action, target_type, address FROM audit_events WHERE org_id = :org_id
             ORDER BY created_at DESC, id DESC LIMIT 5000) newest
    """
)


@dataclass(frozen=True)
class EventRow:
    """An event in the list."""

    id: UUID
    action: str
    target_type: str
    target_label: str | None
    actor_label: str
    address: str | None
    created_at: datetime


@dataclass(frozen=True)
class Choices:
    """The values that the newest 5,000 events hold, for filters."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """A word or phrase searched for, and the actions and kinds whose words on the page it occurs in."""

    text: str
    actions: tuple[str, ...]
    targets: tuple[str, ...]


class AuditRepo:
    """Events; the policies show an organisation its own only."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def for_target(self, org_id: UUID, target_type: str, target_id: UUID, limit: int) -> Sequence[AuditEvent]:
        """What happened to one thing, newest first."""
        statement = (
            select(AuditEvent)
            .where(
                AuditEvent.org_id == org_id,
                AuditEvent.target_type == target_type,
                AuditEvent.target_id == target_id,
            )
            .order_by(AuditEvent.created_at.desc(), AuditEvent.id.desc())
            .limit(limit)
        )
        return self._session.scalars(statement).all()

    def of_request(self, org_id: UUID, actor_id: UUID, request_id: str) -> Sequence[AuditEvent]:
        """What a person did with one request within the last hour."""
        statement = select(AuditEvent).where(
            AuditEvent.org_id == org_id,
            AuditEvent.created_at > func.now() - UNDO_WINDOW,
            AuditEvent.request_id == request_id,
            AuditEvent.actor_id == actor_id,
        )
        return self._session.scalars(statement).all()

    def own_since(self, actor_id: UUID, action: str, moment: datetime) -> Sequence[AuditEvent]:
        """What the actor, and nobody else may ask for, did since then outside any organisation."""
        mine = (AuditEvent.actor_id == actor_id, AuditEvent.org_id.is_(None), AuditEvent.created_at >= moment)
        return self._session.scalars(select(AuditEvent).where(*mine, AuditEvent.action == action)).all()

    def page(self, org_id: UUID, state: ListState, terms: Sequence[Term]) -> Page[EventRow]:
        """The rows of a list page; two statements."""
        order = Order(AuditEvent.created_at.expression, AuditEvent.id.expression, state.descending)
        statement = _filtered(org_id, state, terms, _LISTED)
        return paginate(self._session, statement, order, state.request, _event_row)

    def choices(self, org_id: UUID) -> Choices:
        """What the list can be filtered by."""
        row = self._session.execute(_CHOICES, {"org_id": org_id}).one()
        return Choices(**{name: tuple(values or ()) for name, values in row._asdict().items()})

    def get(self, org_id: UUID, event_id: UUID) -> AuditEvent | None:
        """The event with this id."""
        return self._session.scalar(
            select(AuditEvent).where(AuditEvent.org_id == org_id, AuditEvent.id == event_id)
        )

    def stream(self, org_id: UUID, state: ListState, terms: Sequence[Term]) -> Rows:
        """Every matching event in list order."""
        columns = (AuditEvent.created_at, AuditEvent.id)
        order = [column.desc() if state.descending else column.asc() for column in columns]
        statement = _filtered(org_id, state, terms, _EXPORTED).order_by(*order)
        return Rows(self._session, statement)


def _filtered(org_id: UUID, state: ListState, terms: Sequence[Term], columns: Sequence[Any]) -> Select[Any]:
    return select(*columns).where(
        AuditEvent.org_id == org_id,
        *(_has(term) for term in terms),
        *chosen(state, "actor", AuditEvent.actor_label),
        *chosen(state, "action", AuditEvent.action),
        *chosen(state, "target", AuditEvent.target_type),
        *chosen(state, "address", AuditEvent.address),
        *within(state, "at", AuditEvent.created_at),
    )


def _has(term: Term) -> ColumnElement[bool]:
    """The term occurs in what the event holds, or in the words for it."""
    columns = (AuditEvent.action, AuditEvent.target_label, AuditEvent.actor_label, AuditEvent.address)
    pattern = contains(term.text)
    return or_(
        *(column.ilike(pattern) for column in columns),
        AuditEvent.action.in_(term.actions),
        AuditEvent.target_type.in_(term.targets),
    )


def _event_row(row: Row[Any]) -> EventRow:
    return EventRow(**{name: getattr(row, name) for name in EventRow.__dataclass_fields__})
