"""What people do to several sources at once."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.sources import cancel_source, delete_source, retry_source, set_enabled
from app.web.errors import Refusal
from app.web.selection import Outcome, Skipped

ACTS: dict[str, Callable[[UUID, UUID, Any, UUID], object]] = {
    "enable": lambda *source: set_enabled(*source, enabled=True),
    "disable": lambda *source: set_enabled(*source, enabled=False),
    "retry": retry_source,
    "cancel": cancel_source,
    "delete": delete_source,
}
DONE = {
    "enable": "enabled",
    "disable": "disabled",
    "retry": "queued",
    "cancel": "cancelled",
    "delete": "deleted",
}


def change_sources(org_id: UUID, base_id: UUID, ids: Sequence[UUID], act: str) -> Outcome:
    """Do one of ACTS to sources of a base; what is gone or cannot be done is skipped."""
    found = {row.id: row for row in SourcesRepo().some(org_id, base_id, ids)}
    changed, skipped = 0, []
    for source_id in ids:
        if source_id not in found:
            skipped.append(Skipped(source_id, "A source", "does not exist any more."))
            continue
        row = found[source_id]
        try:
            ACTS[act](org_id, base_id, row.kind, source_id)
            changed += 1
        except Refusal as error:
            skipped.append(Skipped(source_id, row.name, str(error)))
    return Outcome(changed, skipped)
