"""A source as its page needs it, with its base: one statement."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, select, true
from sqlalchemy.orm import Session

from app.db.base import db
from app.knowledge.models.sources import ALL, KnowledgeBase, WebUrl
from app.knowledge.repo.sources import LISTED, SourceRow, listed


@dataclass(frozen=True)
class Opened:
    """A source or page as lists show it, its base, and the address if it is one."""

    base: KnowledgeBase
    row: SourceRow
    web: WebUrl | None


class OpenedRepo:
    """Sources of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def one(self, org_id: UUID, base_id: UUID, source_id: UUID) -> Opened | None:
        """A source or page of a base as it is stored now."""
        rows = listed(org_id, base_id, ALL)
        statement = (
            select(*rows.c, KnowledgeBase, WebUrl)
            .select_from(rows)
            .join(KnowledgeBase, true())
            .outerjoin(WebUrl, and_(WebUrl.org_id == org_id, WebUrl.id == rows.c.id))
            .where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id, rows.c.id == source_id)
        )
        found = self._session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
        return Opened(found[-2], SourceRow(*found[:LISTED]), found[-1]) if found else None
