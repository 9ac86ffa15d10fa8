"""Crawls: the pages of an address fetched one after another, and what changed brought into the base.

Each page is noted in a transaction of its own before it is ingested, so that a crawl whose worker was killed goes on
where it ended. A page that is gone, or that nothing within the bounds leads to any more, goes with its passages; one
that cannot be fetched now stays as it was and says why.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import func

from app.db.session import transaction
from app.db.work import Work
from app.knowledge.crawler.addresses import plain_address
from app.knowledge.crawler.site import Became, Bounds, Known, Site, Visit
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.readers.document import (
    CSV,
    DOCX,
    HTML,
    MARKDOWN,
    NO_TEXT,
    PDF,
    PLAIN,
    PPTX,
    XLSX,
    Document,
    Unreadable,
)
from app.knowledge.readers.parsing import parse
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.pages import PagesRepo, next_crawl
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.evaluating import Direct
from app.knowledge.services.ingesting import Superseded, ingest_source
from app.knowledge.services.passages import EMPTY, text_of_page
from app.knowledge.services.queueing import CrawlInput
from app.knowledge.services.sources import delete_source
from app.knowledge.services.targets import find_target
from app.knowledge.services.web import add_web, change_web, found_web
from app.web.outbound import OutboundFailed, OutboundRefused, check

FILES = frozenset({PDF, DOCX, PPTX, XLSX})
"""What is read of a site beside pages and tables."""
BROUGHT_IN = frozenset({"ready", "unchanged", "deleted"})
TITLE_LENGTH = 300
MOST_LINES = 200
"""Of a task's log about pages that were not brought in."""
_TYPES = {"text/plain": PLAIN, "text/markdown": MARKDOWN}
_KEPT = "What was read before is still searched."
# Marks the text as UTF-8, whatever the page says of itself.
_MARK = "\ufeff"


@dataclass(frozen=True)
class Brought:
    """A page by its address and what became of it: one of BROUGHT_IN, failed or left out, and then why."""

    url: str
    outcome: str
    reason: str = ""


def crawl(work: Work, given: CrawlInput) -> Mapping[str, Any]:
    """Bring the pages of an address up to date; says what became of how many."""
    counts: dict[str, Any] = {}
    lines = 0
    try:
        for page in crawl_pages(work, given.base_id, given.source_id):
            counts[page.outcome] = counts.get(page.outcome, 0) + 1
            if page.reason and lines < MOST_LINES:
                lines += 1
                work.log(f"{page.url}: {page.reason}")
    except (OutboundRefused, OutboundFailed) as error:
        counts["error"] = str(error)
    return counts


def crawl_pages(work: Work, base_id: UUID, source_id: UUID) -> Iterator[Brought]:
    """Visit the pages of an address, and bring in what changed.

    Raises OutboundRefused or OutboundFailed if the address itself cannot be read now: all its pages stay as they are.
    """
    job = _Crawl(work, base_id, source_id)
    try:
        yield from job.pages()
    except Superseded:
        return
    except (OutboundRefused, OutboundFailed) as error:
        job.fail(str(error))
        raise


def bring_in_site(org_id: UUID, base_id: UUID, url: str, values: Mapping[str, Any]) -> Iterator[Brought]:
    """Visit the pages of an address without a worker; the base has it as a source then, with these bounds.

    Raises OutboundRefused or OutboundFailed, and nothing is kept of an address that is new, if it cannot be read now.
    """
    check("crawl", url)
    address = plain_address(url) or url
    with transaction():
        source_id = PagesRepo().named(org_id, base_id, address)
        known = source_id is not None
        if source_id is None:
            source_id = add_web(org_id, base_id, address, values, queued=False)
        else:
            refresh = found_web(org_id, base_id, source_id).refresh_seconds
            change_web(org_id, base_id, source_id, {**values, "refresh_seconds": refresh}, queued=False)
    try:
        yield from crawl_pages(Direct(org_id), base_id, source_id)
    except (OutboundRefused, OutboundFailed):
        if not known:
            with transaction():
                delete_source(org_id, base_id, "web", source_id)
        raise


class _Crawl:
    """One address on its way."""

    def __init__(self, work: Work, base_id: UUID, source_id: UUID) -> None:
        self._work, self._base_id, self._id = work, base_id, source_id
        self._org_id = work.org_id
        self._trouble = ""
        self._percent = 0

    def pages(self) -> Iterator[Brought]:
        """Do it. Raises Superseded, OutboundRefused and OutboundFailed."""
        if not self._work.change(self._begin):
            return
        site = self._site()
        for number, visit in enumerate(site.visits(), 1):
            self._percent = number * 100 // max(site.total, number)
            yield self._take(visit)
            self._work.progress(number, site.total, "pages")
        complete = site.complete
        for url in self._work.change(lambda: self._end(complete=complete)):
            yield Brought(url, "deleted")

    def fail(self, reason: str) -> None:
        """Say why the address cannot be read now."""

        def note() -> None:
            try:
                web = self._hold()
            except Superseded:
                return
            kept = f"{reason} {_KEPT}" if web.chunk_count else reason
            self._change({"status": "failed", "error": kept, **_again(web)})

        self._work.change(note)

    def _begin(self) -> bool:
        """Take the address over from whatever crawled it before; False if it is gone."""
        KnowledgeBasesRepo().lock(self._org_id, self._base_id)
        web: Any = SourcesRepo().get(self._org_id, "web", self._id)
        if web is None or web.knowledge_base_id != self._base_id:
            return False
        self._change({"crawl_id": self._work.task_id, "status": "fetching", "error": None, "progress": 0})
        return True

    def _site(self) -> Site:
        with transaction():
            web: Any = SourcesRepo().get(self._org_id, "web", self._id)
        if web is None:
            raise Superseded
        bounds = Bounds(web.max_depth, web.max_pages, sitemap=web.scope == "sitemap")
        return Site(web.url, bounds, self._known)

    def _known(self, url: str) -> Known | None:
        """What is known of a page, read when its turn comes: what all of them link to may fill the memory."""
        with transaction():
            row = PagesRepo().known(self._org_id, self._id, url)
        if row is None:
            return None
        done = row.crawl_id == self._work.task_id
        return Known(row.etag, row.last_modified, row.links, row.location, done)

    def _take(self, visit: Visit) -> Brought:
        """Note what became of a page, and bring in what it says now."""
        visit, document = _read(visit)
        outcome, page_id = self._work.change(lambda: self._note(visit, document))
        reason = visit.reason
        if page_id is not None:
            outcome = ingest_source(self._work, self._base_id, "page", UUID(page_id))
            if outcome == "failed":
                reason = self._reason(UUID(page_id))
        if outcome not in BROUGHT_IN:
            self._trouble = self._trouble or reason
        return Brought(visit.url, outcome, "" if outcome in BROUGHT_IN else reason)

    def _reason(self, page_id: UUID) -> str:
        """Why a page is not searched as it is now."""
        with transaction():
            page: Any = SourcesRepo().get(self._org_id, "page", page_id)
            return (page and page.error) or EMPTY

    def _note(self, visit: Visit, document: Document | None) -> list[Any]:
        """Write down what became of a page; what to call it, and the page's id if it is to be ingested."""
        web = self._hold()
        self._change({"progress": self._percent})
        page = PagesRepo().one(self._org_id, self._id, visit.url)
        if visit.status == "gone":
            return [self._drop({page.id: visit.url}) if page else "left out", None]
        if visit.status == "unread" and page is not None and page.chunk_count:
            self._drop({page.id: visit.url})
            page = None
        if visit.status in {"failed", "unread"}:
            return [self._note_failure(visit, page), None]
        done = visit.status == "done"
        if document is None and (page is None or (done and page.status == "failed")):
            return ["failed", None]
        values: dict[str, Any] = {"crawl_id": self._work.task_id}
        if not done:
            values["fetched_at"] = func.now()
        if document is not None:
            values |= _content(visit, document)
        return self._store(web, page, visit.url, values)

    def _store(self, web: Any, page: Any, url: str, values: dict[str, Any]) -> list[Any]:
        """Keep a page; whether the live generation holds what it says is told by the answer."""
        digest = values.get("input_hash") or page.input_hash
        target = find_target(self._org_id, self._base_id, None)
        assert target is not None
        if page is not None and page.content_hash == target.fingerprint(digest):
            values |= {"status": "ready", "progress": 100, "error": None}
            SourcesRepo().change(self._org_id, "page", page.id, values)
            return ["unchanged", None]
        values |= {"status": "queued", "progress": 0, "error": None, "task_id": web.task_id}
        if page is not None:
            SourcesRepo().change(self._org_id, "page", page.id, values)
            return ["ready", str(page.id)]
        return ["ready", str(self._add(url, values))]

    def _note_failure(self, visit: Visit, page: Any) -> str:
        """Say why a page cannot be read now; what is known of it stays."""
        values: dict[str, Any] = {"status": "failed", "error": visit.reason, "crawl_id": self._work.task_id}
        if page is None:
            self._add(visit.url, {**values, "markdown": "", "input_hash": b""})
        else:
            if page.chunk_count:
                values["error"] = f"{visit.reason} {_KEPT}"
            SourcesRepo().change(self._org_id, "page", page.id, values)
        return "failed"

    def _add(self, url: str, values: Mapping[str, Any]) -> UUID:
        given = {"knowledge_base_id": self._base_id, "web_url_id": self._id, "url": url, **values}
        return SourcesRepo().add(self._org_id, "page", given).id

    def _drop(self, pages: Mapping[UUID, str]) -> str:
        """Delete pages with their passages."""
        PagesRepo().remove(self._org_id, list(pages))
        SourcesRepo().sum_pages(self._org_id, self._base_id)
        KnowledgeBasesRepo().count(self._org_id, self._base_id)
        return "deleted"

    def _end(self, *, complete: bool) -> list[str]:
        """Drop what nothing leads to any more, and say how the crawl went; the addresses that were dropped."""
        web = self._hold()
        unseen = PagesRepo().unseen(self._org_id, self._id, self._work.task_id) if complete else {}
        if unseen:
            self._drop(unseen)
        pages, failed = PagesRepo().counts(self._org_id, self._id)
        values: dict[str, Any] = {"status": "ready", "progress": 100, "error": None}
        if pages == failed:
            values |= {"status": "failed", "error": self._trouble or "No page could be read."}
        elif failed:
            values["error"] = f"{failed:,} of {pages:,} pages could not be read now."
        self._change({**values, **_again(web), "last_crawled_at": func.now()})
        return list(unseen.values())

    def _hold(self) -> Any:
        """The address, held until the transaction ends. Raises Superseded if it is gone or crawled by another task."""
        KnowledgeBasesRepo().lock(self._org_id, self._base_id)
        web: Any = SourcesRepo().get(self._org_id, "web", self._id)
        if web is None or web.crawl_id != self._work.task_id:
            raise Superseded
        return web

    def _change(self, values: Mapping[str, Any]) -> None:
        SourcesRepo().change(self._org_id, "web", self._id, values)


def _again(web: Any) -> dict[str, Any]:
    """When the address is crawled again; never, once its refreshing was stopped."""
    return {"next_crawl_at": next_crawl(web.refresh_seconds)} if web.next_crawl_at else {}


def _read(visit: Visit) -> tuple[Visit, Document | None]:
    """What a page says, read in a limited child process; one without text is gone, one that takes too long failed."""
    if visit.status != "changed":
        return visit, None
    try:
        document = _parsed(visit)
    except Unreadable as error:
        reason = str(error)
        status: Became = "unread" if visit.body else "gone" if reason == NO_TEXT else "failed"
        return replace(visit, status=status, reason=reason), None
    if not document.text.strip():
        return replace(visit, status="gone", reason=NO_TEXT), None
    return visit, document


def _parsed(visit: Visit) -> Document:
    """The document of a page, or of a file that links lead to, which bears its name. Raises Unreadable."""
    media_type, name = _TYPES.get(visit.media_type, HTML), PurePosixPath(urlsplit(visit.url).path).name
    if visit.body:
        media_type = _kind_of(visit, name)
    with NamedTemporaryFile(prefix="agentpress-") as file:
        file.write(visit.body or (_MARK + visit.text).encode("utf-8", "replace"))
        file.flush()
        document = parse(Path(file.name), media_type)
    return replace(document, title=document.title or unquote(name)) if visit.body else document


def _kind_of(visit: Visit, name: str) -> str:
    """What a file is by its content. Raises Unreadable unless it is one of FILES."""
    if visit.media_type == "text/csv":
        return CSV
    found = detect(visit.body[:HEAD_BYTES], name)
    if found not in FILES:
        raise Unreadable(f"The page is of the type {visit.media_type}, which is not read.")
    return found


def _content(visit: Visit, document: Document) -> dict[str, Any]:
    """The columns of a page that say what it holds."""
    title = document.title.strip()[:TITLE_LENGTH] or None
    words = text_of_page(title, document.text)
    return {
        "title": title,
        "markdown": words,
        "input_hash": hashlib.sha256(words.encode("utf-8", "replace")).digest(),
        "etag": visit.etag,
        "last_modified": visit.last_modified,
        "links": list(visit.links),
        "location": visit.location,
    }
