"""Pages that were fetched from the addresses of knowledge bases, and which addresses are due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, case, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.tables import ENDED, LIVE, Task
from app.knowledge.models.sources import KnowledgeBase, WebPage, WebUrl
from app.orgs.models import OrgMember
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

_DUE = text("SELECT org_id, id FROM web_urls_due(:limit)")
_ENDED = and_(WebPage.status.not_in(("ready", "failed")), Task.status.in_(ENDED))
_STATUS = case((_ENDED, "failed"), else_=WebPage.status)
_LISTED = (
    WebPage.id,
    WebPage.url,
    WebPage.title,
    _STATUS.label("status"),
    case((_ENDED, func.coalesce(Task.error, Task.status)), else_=WebPage.error).label("error"),
    WebPage.progress,
    WebPage.enabled,
    WebPage.chunk_count,
    WebPage.fetched_at,
)
_SORTS: Mapping[str, Any] = {
    "url": WebPage.url,
    "fetched": WebPage.fetched_at,
    "chunks": WebPage.chunk_count,
}


@dataclass(frozen=True)
class PageRow:
    """A page in a list. `status` is one of STAGES; it is failed as well once the task that worked on it ended."""

    id: UUID
    url: str
    title: str | None
    status: str
    error: str | None
    progress: int
    enabled: bool
    chunk_count: int
    fetched_at: datetime | None


@dataclass(frozen=True)
class Due:
    """An address whose time has come: `role` is what its creator holds now, `idle` whether no task is at it."""

    web: WebUrl
    role: str | None
    archived: bool
    idle: bool


class PagesRepo:
    """Fetched pages of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, web_url_id: UUID, state: ListState) -> Page[PageRow]:
        """The rows of a list page; two statements.

        Sorts: url, fetched, chunks. Facets: `status` (STAGES) and `enabled` (yes, no). Date: fetched.
        """
        statement = (
            select(*_LISTED)
            .outerjoin(Task, and_(Task.org_id == org_id, Task.id == WebPage.task_id))
            .where(
                WebPage.org_id == org_id,
                WebPage.web_url_id == web_url_id,
                *searched(state, WebPage.url, WebPage.title),
                *chosen(state, "status", _STATUS),
                *chosen(state, "enabled", case((WebPage.enabled, "yes"), else_="no")),
                *within(state, "fetched", WebPage.fetched_at),
            )
        )
        order = Order(
            _SORTS[state.sort_key], WebPage.id.expression, state.descending, state.sort_key == "fetched"
        )
        return paginate(
            self._session, statement, order, state.request, lambda row: PageRow(*row[: len(_LISTED)])
        )

    def named(self, org_id: UUID, base_id: UUID, url: str) -> UUID | None:
        """The source of a base with this address."""
        statement = select(WebUrl.id).where(
            WebUrl.org_id == org_id, WebUrl.knowledge_base_id == base_id, WebUrl.url == url
        )
        return self._session.scalar(statement)

    def known(self, org_id: UUID, web_url_id: UUID, url: str) -> Row[Any] | None:
        """etag, last_modified, links, location, crawl_id of a page."""
        columns: tuple[Any, ...] = (
            WebPage.etag,
            WebPage.last_modified,
            WebPage.links,
            WebPage.location,
            WebPage.crawl_id,
        )
        statement = select(*columns).where(
            WebPage.org_id == org_id, WebPage.web_url_id == web_url_id, WebPage.url == url
        )
        found: Row[Any] | None = self._session.execute(statement).one_or_none()
        return found

    def one(self, org_id: UUID, web_url_id: UUID, url: str) -> Row[Any] | None:
        """id, status, input_hash, content_hash, chunk_count of a page."""
        statement = select(
            WebPage.id, WebPage.status, WebPage.input_hash, WebPage.content_hash, WebPage.chunk_count
        ).where(WebPage.org_id == org_id, WebPage.web_url_id == web_url_id, WebPage.url == url)
        found: Row[Any] | None = self._session.execute(statement).one_or_none()  # type: ignore[assignment]
        return found

    def unseen(self, org_id: UUID, web_url_id: UUID, crawl_id: UUID) -> dict[UUID, str]:
        """The pages that a crawl did not visit: their addresses by their ids."""
        statement = select(WebPage.id, WebPage.url).where(
            WebPage.org_id == org_id,
            WebPage.web_url_id == web_url_id,
            WebPage.crawl_id.is_distinct_from(crawl_id),
        )
        return {row.id: row.url for row in self._session.execute(statement)}

    def remove(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """Delete pages with their passages and vectors in every generation."""
        self._session.execute(delete(WebPage).where(WebPage.org_id == org_id, WebPage.id.in_(ids)))

    def forget_marks(self, org_id: UUID, web_url_id: UUID) -> None:
        """Have every page of an address read again by the next crawl."""
        self._session.execute(
            update(WebPage)
            .where(WebPage.org_id == org_id, WebPage.web_url_id == web_url_id)
            .values(etag=None, last_modified=None)
            .execution_options(synchronize_session=False)
        )

    def counts(self, org_id: UUID, web_url_id: UUID) -> tuple[int, int]:
        """How many pages of an address are there, and how many of these could not be fetched or read."""
        statement = select(func.count(), func.count().filter(WebPage.status == "failed")).where(
            WebPage.org_id == org_id, WebPage.web_url_id == web_url_id
        )
        row = self._session.execute(statement).one()
        return row[0], row[1]

    def with_pages(self, org_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
        """These sources, and the pages of those that are addresses."""
        statement = select(WebPage.id).where(
            WebPage.org_id == org_id, or_(WebPage.web_url_id.in_(ids), WebPage.id.in_(ids))
        )
        return list({*ids, *self._session.scalars(statement)})

    def all_due(self, limit: int) -> list[tuple[UUID, UUID]]:
        """Organisation and id of addresses whose time has come, in every organisation."""
        return [(row.org_id, row.id) for row in self._session.execute(_DUE, {"limit": limit})]

    def base_of(self, org_id: UUID, web_url_id: UUID) -> UUID | None:
        """The base that has an address."""
        statement = select(WebUrl.knowledge_base_id).where(WebUrl.org_id == org_id, WebUrl.id == web_url_id)
        return self._session.scalar(statement)

    def due(self, org_id: UUID, web_url_id: UUID) -> Due | None:
        """An address of a locked base, if its time has come."""
        idle = case((WebUrl.status.in_(("ready", "failed")), True), else_=Task.status.not_in(LIVE))
        statement = (
            select(
                WebUrl,
                case((User.disabled_at.is_(None), OrgMember.role)),
                KnowledgeBase.archived,
                func.coalesce(idle, True),
            )
            .join(
                KnowledgeBase,
                and_(KnowledgeBase.org_id == org_id, KnowledgeBase.id == WebUrl.knowledge_base_id),
            )
            .outerjoin(User, User.id == WebUrl.created_by)
            .outerjoin(OrgMember, and_(OrgMember.org_id == org_id, OrgMember.user_id == WebUrl.created_by))
            .outerjoin(Task, and_(Task.org_id == org_id, Task.id == WebUrl.task_id))
            .where(WebUrl.org_id == org_id, WebUrl.id == web_url_id, WebUrl.next_crawl_at <= func.now())
        )
        row = self._session.execute(statement, execution_options={"populate_existing": True}).one_or_none()
        return Due(*row) if row else None


def next_crawl(refresh_seconds: int | None) -> Any:
    """When an address is crawled again that is crawled now; None for never."""
    return func.now() + timedelta(seconds=refresh_seconds) if refresh_seconds else None
