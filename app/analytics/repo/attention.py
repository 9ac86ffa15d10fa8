"""What failed of late and what waits in an organisation, counted with one statement."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, select, union_all
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.queue import MAIL_IS_OFF
from app.db.tables import EmailOutbox, Task
from app.knowledge.models.sources import SOURCES, KnowledgeBase
from app.runtime.models import ToolApproval
from app.threads.models import Message, Thread
from app.threads.repo.kept import kept_number
from app.threads.repo.threads import Viewer, visible_to

LATE = timedelta(days=1)
MOST = 100
"""Where counting ends."""
ANSWER = "agent.run"
"""The kind of the tasks that answer, whose failures count as failed answers."""


@dataclass(frozen=True)
class Attention:
    """Counts of at most MOST; `base_id` is the base of all sources that failed, if it is one.

    `threads` are all live ones, as `kept_number` counts them.
    """

    answers: int
    tasks: int
    mails: int
    calls: int
    sources: int
    base_id: UUID | None
    threads: int


class AttentionRepo:
    """What of one organisation its members should look at."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def read(self, org_id: UUID, viewer: Viewer) -> Attention:
        """Failed answers, tasks and mails of the last 24 h, calls that wait, sources that have failed; all threads."""
        since = func.now() - LATE
        failed = _failed_sources(org_id).subquery()
        one_base = select(func.min(cast(failed.c.base_id, Text))).having(
            func.count(failed.c.base_id.distinct()) == 1
        )
        row = self._session.execute(
            select(
                _count(
                    _answers(org_id, viewer).where(Thread.last_message_at > since, Message.created_at > since)
                ),
                _count(
                    select(Task.id).where(
                        Task.org_id == org_id,
                        Task.status == "failed",
                        Task.kind != ANSWER,
                        Task.created_at > since,
                    )
                ),
                _count(
                    select(EmailOutbox.id).where(
                        EmailOutbox.org_id == org_id,
                        EmailOutbox.failed_at.is_not(None),
                        EmailOutbox.error.is_distinct_from(MAIL_IS_OFF),
                        EmailOutbox.created_at > since,
                    )
                ),
                _count(_calls(org_id, viewer)),
                _count(_failed_sources(org_id)),
                one_base.scalar_subquery(),
                kept_number(org_id, viewer).scalar_subquery(),
            )
        ).one()
        answers, tasks, mails, calls, sources, base_id, threads = row
        return Attention(answers, tasks, mails, calls, sources, base_id and UUID(base_id), threads)


def _count(found: Select[Any]) -> Any:
    return select(func.count()).select_from(found.limit(MOST).subquery()).scalar_subquery()


def _answers(org_id: UUID, viewer: Viewer) -> Select[Any]:
    """Answers with errors in threads that the list of threads shows."""
    return (
        select(Message.id)
        .join(Thread, (Thread.org_id == Message.org_id) & (Thread.id == Message.thread_id))
        .where(
            Thread.org_id == org_id,
            Thread.deleted_at.is_(None),
            ~Thread.archived,
            Thread.error_count > 0,
            Message.error.is_not(None),
            visible_to(viewer),
        )
    )


def _calls(org_id: UUID, viewer: Viewer) -> Select[Any]:
    return (
        select(ToolApproval.id)
        .join(Thread, (Thread.org_id == ToolApproval.org_id) & (Thread.id == ToolApproval.thread_id))
        .where(
            ToolApproval.org_id == org_id,
            ToolApproval.status == "pending",
            Thread.deleted_at.is_(None),
            visible_to(viewer),
        )
    )


def _failed_sources(org_id: UUID) -> Select[Any]:
    parts = [
        select(model.knowledge_base_id.label("base_id"))
        .join(
            KnowledgeBase,
            (KnowledgeBase.org_id == model.org_id) & (KnowledgeBase.id == model.knowledge_base_id),
        )
        .where(model.org_id == org_id, model.status == "failed", ~KnowledgeBase.archived)
        for model in SOURCES.values()
    ]
    return select(union_all(*parts).subquery())
