"""Tell people by mail which of their tasks failed: at most one message an hour each, whatever fails."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.db.queue import queue_email
from app.db.scope import Scope, in_org, use_scope
from app.db.session import transaction
from app.tasks.repo.failures import FailureRepo, Person
from app.tasks.services.tasks import title_of
from app.web.access import role_has
from app.web.security import settings

WAIT = timedelta(minutes=1)
"""How long a failure waits for others to share its message."""
REST = timedelta(hours=1)
BATCH = 200
MOST_LINES = 10
TEMPLATE = "task_failures"


def tell_failures() -> int:
    """Write a message for each person whose tasks have failed; how many were written.

    Message and note about the tasks are one commit: none is lost or told twice, however many workers do this.
    """
    use_scope(Scope())
    with transaction():
        found = FailureRepo().to_tell(WAIT, REST, BATCH)
    told = 0
    for user_id in sorted({user_id for user_id, _ in found}):
        with transaction():
            told += _tell(user_id)
    return told


def _tell(user_id: UUID) -> bool:
    """One person; False if another worker does it, or there is nothing they may and want to know."""
    repo = FailureRepo()
    person = repo.lock(user_id)
    if person is None:
        return False
    found = {org_id: _taken(person, org_id) for _, org_id in repo.to_tell(WAIT, REST, BATCH, user_id)}
    told = {org_id: org for org_id, org in found.items() if org is not None}
    if not told:
        return False
    repo.note_told(user_id)
    count = sum(org["count"] for org in told.values())
    context = {
        "count": count,
        "orgs": list(told.values()),
        "preferences_url": f"{settings().base_url}/me/preferences",
    }
    words = "A task of yours" if count == 1 else f"{count:,} tasks of yours"
    with in_org(next(iter(told)) if len(told) == 1 else None):
        queue_email(person.email, TEMPLATE, f"AgentPress: {words} failed", context)
    return True


def _taken(person: Person, org_id: UUID) -> dict[str, Any] | None:
    """What failed in an organisation, as the message says it; None if the person may not, or will not, know."""
    with in_org(org_id):
        failures = FailureRepo().take(org_id, person.id)
        standing = FailureRepo().standing(org_id, person.id)
    permitted = standing is not None and role_has(standing.role, "tasks.read") and not person.disabled
    if standing is None or not failures or not permitted or not person.wants:
        return None
    lines = [
        f"{title_of(kind)}: {number:,} {status}"
        for (kind, status), number in sorted(Counter(failures).items())
    ]
    return {
        "name": standing.name,
        "count": len(failures),
        "lines": lines[:MOST_LINES],
        "more": max(0, len(lines) - MOST_LINES),
        "url": f"{settings().base_url}/o/{standing.slug}/tasks?status=expired&status=failed",
    }
