"""What people do to tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.audit.services import record
from app.db.tables import LIVE
from app.db.work import UnknownKind, kinds
from app.tasks.repo.tasks import AGAIN, TasksRepo
from app.web.access import role_has
from app.web.errors import NotFound

WORDS = {"cancel": "cancelled", "retry": "queued again"}


@dataclass(frozen=True)
class Outcome:
    """How many tasks were changed, and how many left as they are."""

    changed: int
    skipped: int


def title_of(kind: str) -> str:
    """A kind in words; its name where this version does not know it."""
    try:
        return kinds().get(kind).title
    except UnknownKind:
        return kind


def may_start(role: str | None, kind: str) -> bool:
    """Whether a role may do what the kind does."""
    try:
        return role_has(role, kinds().get(kind).right)
    except UnknownKind:
        return False


def cancel_tasks(org_id: UUID, ids: Sequence[UUID]) -> Outcome:
    """End those that wait, ask those that run to stop, leave the others. Raises NotFound for one that is not there."""
    return _change(org_id, ids, "cancel", LIVE)


def retry_tasks(org_id: UUID, ids: Sequence[UUID]) -> Outcome:
    """Queue failed, cancelled and expired ones anew, leave the others. Raises NotFound for one that is not there."""
    return _change(org_id, ids, "retry", AGAIN)


def _change(org_id: UUID, ids: Sequence[UUID], verb: str, statuses: Sequence[str]) -> Outcome:
    repo = TasksRepo()
    rows = repo.lock(org_id, ids)
    if len(rows) != len(set(ids)):
        raise NotFound
    meant = [row for row in rows if row.status in statuses]
    change = repo.cancel if verb == "cancel" else repo.again
    change(org_id, [row.id for row in meant])
    for row in meant:
        record(f"task.{verb}", "task", row.id, title_of(row.kind), before={"status": row.status})
    return Outcome(len(meant), len(rows) - len(meant))
