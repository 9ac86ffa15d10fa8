"""Bringing the pages of a web site into a knowledge base, each as a file named by its address."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from app.db.session import transaction
from app.knowledge.crawler.site import Bounds, Site, Visit
from app.knowledge.readers.document import Unreadable
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.evaluating import bring_in
from app.knowledge.services.sources import delete_source

MOST_NAME_LENGTH = 255
BROUGHT_IN = frozenset({"ready", "unchanged", "deleted"})
# Marks the text as UTF-8, whatever the page says of itself.
_MARK = "\ufeff"


@dataclass(frozen=True)
class Brought:
    """A page by its address and what became of it: one of BROUGHT_IN, or else a reason in words."""

    name: str
    outcome: str


def bring_in_site(org_id: UUID, base_id: UUID, root: str, bounds: Bounds) -> Iterator[Brought]:
    """Fetch the pages of a site and bring in what changed; pages that are gone are deleted from the base.

    Raises OutboundRefused or OutboundFailed if the root cannot be fetched.
    """
    for visit in Site(root, bounds, {}).visits():
        name = visit.url.partition("://")[2].removesuffix("/")
        yield Brought(name, _brought_in(org_id, base_id, visit, name))


def _brought_in(org_id: UUID, base_id: UUID, visit: Visit, name: str) -> str:
    if visit.status == "gone":
        return _gone(org_id, base_id, name) or visit.reason
    if visit.status != "changed":
        return visit.reason
    if len(name) > MOST_NAME_LENGTH:
        return "The address is too long."
    with NamedTemporaryFile(prefix="agentpress-") as file:
        file.write((_MARK + visit.text).encode("utf-8", "replace"))
        file.flush()
        try:
            outcome, error = bring_in(org_id, base_id, Path(file.name), name)
        except Unreadable as unreadable:
            return str(unreadable)
    return error or outcome


def _gone(org_id: UUID, base_id: UUID, name: str) -> str | None:
    """Delete the page if the base has it."""
    with transaction():
        source_id = SourcesRepo().file_named(org_id, base_id, name)
        if source_id is None:
            return None
        delete_source(org_id, base_id, "file", source_id)
    return "deleted"
