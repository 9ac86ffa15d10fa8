"""What sample data needs beyond what the domains offer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from app.agents.models import Agent
from app.db.base import db
from app.threads.models import Message, Thread

_KINDS: tuple[Any, ...] = (Agent, Thread)


class SampleRepo:
    """The sample data of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def is_vacant(self, org_id: UUID) -> bool:
        """Whether the organisation has neither agents nor threads; deleted ones do not count."""
        agents, threads = (
            select(kind.id).where(kind.org_id == org_id, kind.deleted_at.is_(None)).exists()
            for kind in _KINDS
        )
        return bool(self._session.scalar(select(~agents & ~threads)))

    def complete(self, org_id: UUID, people: Mapping[UUID, str]) -> None:
        """Give threads, by id, their people, and their answers a latency and a cost that fit the tokens."""
        if not people:
            return
        self._session.execute(
            update(Thread)
            .where(Thread.org_id == org_id, Thread.id.in_(people))
            .values(external_user=case(people, value=Thread.id))
            .execution_options(synchronize_session=False)
        )
        self._session.execute(
            update(Message)
            .where(Message.org_id == org_id, Message.thread_id.in_(people), Message.role == "assistant")
            .values(
                latency_ms=700 + 2 * Message.input_tokens + 31 * Message.output_tokens,
                cost_micros=3 * Message.input_tokens + 15 * Message.output_tokens,
            )
            .execution_options(synchronize_session=False)
        )
