"""Addresses whose pages are fetched: added, bounded anew, each with its audit row.

An address has a `scope` (SCOPES), and within it `max_depth` steps along links and `max_pages` pages at most; its pages
are fetched again every `refresh_seconds`, or never if that is None, in the name of whoever set this last.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.db.scope import current_scope
from app.knowledge.models.sources import WebUrl
from app.knowledge.repo.pages import PagesRepo, next_crawl
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.bases import editable_base
from app.knowledge.services.sources import add_source, queue_again
from app.web.errors import NotFound

BOUNDS = ("scope", "max_depth", "max_pages")
FIELDS = (*BOUNDS, "refresh_seconds")
MOST_DEPTH = 10
MOST_PAGES = 10_000


class AddressTaken(Exception):
    """The base has a source with this address."""


def add_web(org_id: UUID, base_id: UUID, url: str, values: Mapping[str, Any], *, queued: bool = True) -> UUID:
    """Add an address, as `plain_address` spells it, with FIELDS; its id. Raises AddressTaken, NotFound, Refusal."""
    base = editable_base(org_id, base_id)
    if PagesRepo().named(org_id, base_id, url) is not None:
        raise AddressTaken
    given = {**_bounded(values), "url": url, "input_hash": url.encode(), **_creator(values)}
    return add_source(base, "web", given, _shown(values), queued=queued)


def change_web(
    org_id: UUID, base_id: UUID, source_id: UUID, values: Mapping[str, Any], *, queued: bool = True
) -> None:
    """Save other FIELDS of an address; other bounds have it crawled at once. Raises NotFound, Refusal.

    With `queued=False` the caller crawls it, and it is refreshed in the name of whom it was before.
    """
    base, web = editable_base(org_id, base_id), found_web(org_id, base_id, source_id)
    given = _bounded(values)
    before = {name: getattr(web, name) for name in FIELDS}
    changed = {name: given[name] for name in FIELDS if before[name] != given[name]}
    stopped = web.refresh_seconds is not None and web.next_crawl_at is None
    if not changed and not (stopped and queued):
        return
    SourcesRepo().change(org_id, "web", source_id, {**changed, **(_creator(given) if queued else {})})
    if any(name in changed for name in BOUNDS):
        PagesRepo().forget_marks(org_id, source_id)
        if queued:
            queue_again(base, "web", source_id)
    record(
        "knowledge_source.change",
        "knowledge_web",
        source_id,
        web.url,
        before=_shown({name: before[name] for name in changed}),
        after=_shown(changed),
    )


def found_web(org_id: UUID, base_id: UUID, source_id: UUID) -> WebUrl:
    """An address of a base. Raises NotFound."""
    web = SourcesRepo().get(org_id, "web", source_id)
    if not isinstance(web, WebUrl) or web.knowledge_base_id != base_id:
        raise NotFound
    return web


def _bounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """FIELDS with the bounds that their scope has."""
    given = {name: values.get(name) for name in FIELDS}
    if given["scope"] == "page":
        given |= {"max_depth": 0, "max_pages": 1}
    if given["scope"] == "sitemap":
        given["max_depth"] = 0
    return given


def _creator(values: Mapping[str, Any]) -> dict[str, Any]:
    """For whom an address is crawled from now on, and when next."""
    return {
        "created_by": current_scope().user_id,
        "next_crawl_at": next_crawl(values.get("refresh_seconds")),
    }


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in FIELDS if name in values}
