"""Reading the audit log."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.db.base import db

UNDO_WINDOW = timedelta(hours=1)


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
