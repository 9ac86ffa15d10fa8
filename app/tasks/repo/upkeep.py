"""The workers' heartbeats, and what is over, whichever organisation it belongs to."""

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.agents.models import Agent
from app.auth.models import EmailChange, LoginAttempt, OAuthFlow, PasswordReset, SignInSession
from app.db.base import db
from app.db.tables import WorkerProcess
from app.orgs.models import Org

SESSION_IDLE = timedelta(days=14)
FORGET_AFTER = timedelta(days=1)
BATCH = 200


class WorkerRepo:
    """The workers and their heartbeats."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def beat(self, worker_id: UUID) -> None:
        """Say that this process lives."""
        row = insert(WorkerProcess).values(id=worker_id, host=platform.node(), pid=os.getpid())
        self._session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"seen_at": func.now()}))

    def remove(self, worker_id: UUID) -> None:
        """Say that it has ended in good order."""
        self._session.execute(delete(WorkerProcess).where(WorkerProcess.id == worker_id))


class ExpiryRepo:
    """Rows whose time is over."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def remove_expired(self) -> None:
        """Delete what nobody can use any more; one-time links a day after their end, so that an answer can name it."""
        now, yesterday = func.now(), func.now() - FORGET_AFTER
        for statement in (
            delete(SignInSession).where(
                (SignInSession.expires_at < now) | (SignInSession.last_seen_at < now - SESSION_IDLE)
            ),
            delete(PasswordReset).where(PasswordReset.expires_at < yesterday),
            delete(EmailChange).where(EmailChange.expires_at < yesterday),
            delete(OAuthFlow).where(OAuthFlow.expires_at < now),
            delete(LoginAttempt).where(LoginAttempt.updated_at < yesterday),
            text("SELECT remove_expired_idempotency_keys()"),
            delete(WorkerProcess).where(WorkerProcess.seen_at < yesterday),
        ):
            self._session.execute(statement)

    def deleted_agents(self, before: datetime) -> Sequence[tuple[UUID, UUID]]:
        """Organisation and id of some agents that were deleted before a moment."""
        statement = text("SELECT org_id, id FROM agents_deleted_before(:before, :limit)")
        return self._session.execute(statement, {"before": before, "limit": BATCH}).all()

    def erase_agents(self, org_id: UUID, ids: Sequence[UUID], before: datetime) -> Sequence[tuple[UUID, str]]:
        """Delete for good those that are still deleted; their ids and names."""
        self._session.execute(
            update(Org).where(Org.id == org_id).values(agents_generation=Org.agents_generation + 1)
        )
        statement = (
            delete(Agent)
            .where(Agent.org_id == org_id, Agent.id.in_(ids), Agent.deleted_at < before)
            .returning(Agent.id, Agent.name)
        )
        return self._session.execute(statement).all()
