"""Calls that wait for a person: decided once, given up after a while, and the answer that goes on afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import current_app

from app.audit.services import record
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.runtime.approvals_repo import ApprovalRow, ApprovalsRepo
from app.runtime.repo import RunsRepo
from app.runtime.services.transcript import DECIDED
from app.tasks.repo.runs import RunRepo
from app.tasks.repo.tasks import TasksRepo
from app.tasks.services.tasks import cancel_tasks
from app.threads.repo.threads import Viewer
from app.web.access import role_has
from app.web.errors import NotFound, Refusal
from app.web.selection import Outcome, Skipped

VERDICTS: Mapping[str, str] = {"approve": "approved", "reject": "rejected"}
"""What people can do with a call that waits, and the status it then has."""
RIGHT = "approvals.decide"
"""Needed for calls in the threads of others."""
REASON_LENGTH = 1_000
BATCH = 100
_NOT_YOURS = "Calls in this thread are decided by the person it belongs to, by admins and by owners."


def stage(org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Have these calls wait for a person, in the running transaction."""
    seconds = current_app.extensions["settings"].approval_hours * 3_600
    ids = ApprovalsRepo().add(org_id, rows, seconds)
    for approval_id, row in zip(ids, rows, strict=True):
        record("approval.request", "approval", approval_id, row["tool"], after={"note": row["note"]})


def may_decide(role: str | None, user_id: UUID, row: ApprovalRow) -> bool:
    """Whether somebody of this role may decide about a call."""
    return role_has(role, "agents.run") and (row.owner_id == user_id or role_has(role, RIGHT))


def decide(
    org_id: UUID, viewer: Viewer, role: str | None, approval_id: UUID, verdict: str, reason: str | None = None
) -> ApprovalRow:
    """Approve or reject (VERDICTS) a call, in one transaction with the going on of the answer; the call as it was.

    Raises NotFound for one in a thread that the viewer does not see, Refusal 403 for one that is for others to decide,
    and 409 for one that is decided.
    """
    row = ApprovalsRepo().get(org_id, viewer, approval_id)
    if row is None:
        raise NotFound
    if not may_decide(role, viewer.user_id, row):
        raise Refusal(403, _NOT_YOURS)
    values = {"status": VERDICTS[verdict], "decided_by": viewer.user_id, "reason": reason or None}
    if not _settle(org_id, row, values, f"approval.{verdict}", due=False):
        raise Refusal(409, _taken(ApprovalsRepo().named(org_id, approval_id)))
    return row


def reject_many(org_id: UUID, viewer: Viewer, role: str | None, ids: Sequence[UUID]) -> Outcome:
    """Reject those of the calls that wait and that this person may decide about, leave the others.

    Raises NotFound, with nothing changed, for one in a thread that the viewer does not see.
    """
    rows = ApprovalsRepo().some(org_id, viewer, ids)
    if len(rows) != len(set(ids)):
        raise NotFound
    TasksRepo().lock(org_id, [row.task_id for row in rows if row.task_id])
    values = {"status": VERDICTS["reject"], "decided_by": viewer.user_id}
    skipped = []
    for row in rows:
        if not may_decide(role, viewer.user_id, row):
            skipped.append(Skipped(row.id, row.tool, "is for others to decide"))
        elif not _settle(org_id, row, values, "approval.reject", due=False):
            skipped.append(Skipped(row.id, row.tool, "no longer waits"))
    return Outcome(len(rows) - len(skipped), skipped)


def expire_due() -> int:
    """Reject calls nobody decided about in time, and stop answers in deleted threads; how many calls.

    Each call is settled once, however many workers look.
    """
    use_scope(Scope())
    with transaction():
        found = ApprovalsRepo().all_due(BATCH)
    expired = 0
    for org_id, approval_id in found:
        use_scope(Scope(org_id, actor_label="system"))
        with transaction():
            expired += _expire(org_id, approval_id)
    return expired


def _expire(org_id: UUID, approval_id: UUID) -> bool:
    row = ApprovalsRepo().named(org_id, approval_id)
    if row is None or row.status != "pending":
        return False
    if row.thread_deleted_at and row.task_id:
        return cancel_tasks(org_id, [row.task_id]).changed > 0
    return _settle(org_id, row, {"status": "expired"}, "approval.expire", due=True)


def _settle(org_id: UUID, row: ApprovalRow, values: Mapping[str, Any], action: str, *, due: bool) -> bool:
    """Decide a call unless it is decided, and go on once nothing else is waited for; the task is held first."""
    repo = ApprovalsRepo()
    if row.task_id:
        TasksRepo().lock(org_id, [row.task_id])
    if not repo.settle(org_id, row.id, values, due=due):
        return False
    after = {name: values[name] for name in ("status", "reason") if values.get(name)}
    record(action, "approval", row.id, row.tool, before={"status": "pending"}, after=after)
    if row.task_id:
        if not repo.left(org_id, row.task_id):
            RunsRepo().expect(org_id, row.message_id)
            TasksRepo().resume(org_id, row.task_id)
        said = [(DECIDED, {"call_id": row.call_id, "status": values["status"]})]
        RunRepo().wake(row.task_id, RunRepo().note(org_id, row.task_id, 0, said), said)
    return True


def _taken(row: ApprovalRow | None) -> str:
    """Why a call can no longer be decided."""
    if row is None or row.status == "pending":
        return "Nobody decided about this call in time."
    if row.status in {"approved", "rejected"}:
        return f"This call was already {row.status} by {row.decider or 'somebody who is gone'}."
    return (
        "This call expired." if row.status == "expired" else "The answer was stopped; its call is cancelled."
    )
