"""Calls that wait, or waited, for a person, in one organisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, insert, select, text, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.agents.models import Agent
from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.tables import TaskEvent
from app.runtime.models import ToolApproval
from app.threads.models import Thread
from app.threads.repo.threads import Viewer, person_name, visible_to
from app.web.conditions import chosen, searched
from app.web.listing import ListState

MOST_AGENTS = 200
_DUE = text("SELECT org_id, id FROM tool_approvals_due(:limit)")


@dataclass(frozen=True)
class ApprovalRow:
    """A call to decide, with the names around it; `owner_id` is the person of the thread.

    `decider` is who decided, if a person did; `told` is the number of the last event of its task.
    """

    id: UUID
    task_id: UUID | None
    message_id: UUID
    thread_id: UUID
    thread: str
    thread_deleted_at: datetime | None
    origin: str
    owner_id: UUID | None
    agent_id: UUID | None
    agent: str | None
    call_id: str
    tool: str
    tool_id: UUID | None
    arguments: Mapping[str, Any]
    note: str | None
    status: str
    decider: str | None
    decided_at: datetime | None
    reason: str | None
    expires_at: datetime
    created_at: datetime
    told: int


_TOLD = (
    select(func.coalesce(func.max(TaskEvent.seq), 0))
    .where(TaskEvent.org_id == ToolApproval.org_id, TaskEvent.task_id == ToolApproval.task_id)
    .correlate(ToolApproval)
    .scalar_subquery()
)
_ELSEWHERE: Mapping[str, Any] = {
    "thread": Thread.name,
    "thread_deleted_at": Thread.deleted_at,
    "origin": Thread.origin,
    "owner_id": Thread.user_id,
    "agent": Agent.name,
    "decider": person_name(),
    "told": _TOLD,
}
_COLUMNS: tuple[Any, ...] = tuple(
    _ELSEWHERE[name].label(name) if name in _ELSEWHERE else getattr(ToolApproval, name)
    for name in ApprovalRow.__dataclass_fields__
)


class ApprovalsRepo:
    """Calls to decide of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, viewer: Viewer, state: ListState) -> Page[ApprovalRow]:
        """The rows of a list page; unless a status is asked for, those that wait. Two statements."""
        statement = _seen(org_id, viewer).where(
            *searched(state, ToolApproval.tool, Thread.name, Agent.name),
            *chosen(state, "agent", ToolApproval.agent_id),
            *(chosen(state, "status", ToolApproval.status) or [_pending()]),
        )
        order = Order(ToolApproval.created_at.expression, ToolApproval.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _row)

    def agents(self, org_id: UUID) -> dict[str, str]:
        """Names by id of the agents whose calls had to be decided, for the filter."""
        asked = select(ToolApproval.agent_id).where(
            ToolApproval.org_id == org_id, ToolApproval.agent_id == Agent.id
        )
        statement = select(Agent.id, Agent.name).where(Agent.org_id == org_id, asked.exists())
        rows = self._session.execute(statement.order_by(func.lower(Agent.name)).limit(MOST_AGENTS))
        return {str(agent_id): name for agent_id, name in rows}

    def get(self, org_id: UUID, viewer: Viewer, approval_id: UUID) -> ApprovalRow | None:
        """A call in a thread that the viewer sees."""
        row = self._session.execute(_seen(org_id, viewer).where(ToolApproval.id == approval_id)).one_or_none()
        return None if row is None else _row(row)

    def some(self, org_id: UUID, viewer: Viewer, ids: Sequence[UUID]) -> list[ApprovalRow]:
        """Those of these calls that are in threads that the viewer sees, the oldest first."""
        statement = _seen(org_id, viewer).where(ToolApproval.id.in_(ids)).order_by(ToolApproval.id)
        return [_row(row) for row in self._session.execute(statement)]

    def of_message(self, org_id: UUID, message_id: UUID) -> list[ApprovalRow]:
        """Every call of an answer that was to be decided, in order."""
        rows = self._session.execute(
            _named(org_id).where(ToolApproval.message_id == message_id).order_by(ToolApproval.id)
        )
        return [_row(row) for row in rows]

    def add(self, org_id: UUID, rows: Sequence[Mapping[str, Any]], seconds: float) -> list[UUID]:
        """Store calls that expire after so many seconds; their ids."""
        expires = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        ids = [uuid7() for _ in rows]
        for row_id, row in zip(ids, rows, strict=True):
            self._session.execute(
                insert(ToolApproval).values(id=row_id, org_id=org_id, expires_at=expires, **row)
            )
        return ids

    def settle(self, org_id: UUID, approval_id: UUID, values: Mapping[str, Any], *, due: bool) -> bool:
        """Decide a call that is still to be decided, one that has expired only if `due`; whether it was decided."""
        late = ToolApproval.expires_at <= func.now()
        done = self._session.execute(
            update(ToolApproval)
            .where(
                ToolApproval.org_id == org_id,
                ToolApproval.id == approval_id,
                _pending(),
                late if due else ~late,
            )
            .values(decided_at=func.now(), **values)
            .returning(ToolApproval.id)
            .execution_options(synchronize_session=False)
        )
        return done.one_or_none() is not None

    def cancel(self, org_id: UUID, task_id: UUID) -> None:
        """Let nobody decide any more what a task waited for."""
        self._session.execute(
            update(ToolApproval)
            .where(ToolApproval.org_id == org_id, ToolApproval.task_id == task_id, _pending())
            .values(status="cancelled", decided_at=func.now())
            .execution_options(synchronize_session=False)
        )

    def left(self, org_id: UUID, task_id: UUID) -> int:
        """How many calls a task still waits for."""
        found = select(func.count()).where(
            ToolApproval.org_id == org_id, ToolApproval.task_id == task_id, _pending()
        )
        return self._session.scalar(found) or 0

    def all_due(self, limit: int) -> list[tuple[UUID, UUID]]:
        """Organisation and id of calls that have waited too long, or whose thread is deleted, in every organisation."""
        return [(row.org_id, row.id) for row in self._session.execute(_DUE, {"limit": limit})]

    def named(self, org_id: UUID, approval_id: UUID) -> ApprovalRow | None:
        """A call, whoever looks."""
        row = self._session.execute(_named(org_id).where(ToolApproval.id == approval_id)).one_or_none()
        return None if row is None else _row(row)


def _row(row: Row[Any]) -> ApprovalRow:
    return ApprovalRow(**{name: getattr(row, name) for name in ApprovalRow.__dataclass_fields__})


def _pending() -> ColumnElement[bool]:
    return ToolApproval.status == "pending"


def _named(org_id: UUID) -> Select[Any]:
    return (
        select(*_COLUMNS)
        .join(Thread, (Thread.org_id == ToolApproval.org_id) & (Thread.id == ToolApproval.thread_id))
        .outerjoin(Agent, (Agent.org_id == ToolApproval.org_id) & (Agent.id == ToolApproval.agent_id))
        .outerjoin(User, User.id == ToolApproval.decided_by)
        .where(ToolApproval.org_id == org_id)
    )


def _seen(org_id: UUID, viewer: Viewer) -> Select[Any]:
    """Those in threads that the viewer sees and that are not deleted."""
    return _named(org_id).where(visible_to(viewer), Thread.deleted_at.is_(None))
