"""Clear away what is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.agents import kinds as agents
from app.agents.kinds import KEEP_DELETED
from app.db.queue import enqueue
from app.db.scope import in_org
from app.db.session import transaction
from app.db.work import Kind, TaskInput
from app.orgs.repo.orgs import OrgRepo
from app.tasks.repo.mail import MailRepo
from app.tasks.repo.upkeep import ExpiryRepo
from app.threads import kinds as threads
from app.threads.services import uploads
from app.web.export import KINDS

KEEP_MAIL = timedelta(days=30)
KEEP_FILES = timedelta(hours=24)
_ERASURES: dict[str, tuple[Kind[Any], type[TaskInput]]] = {
    "agent": (agents.ERASURE, agents.AgentErasure),
    "thread": (threads.ERASURE, threads.ThreadErasure),
}


def clean_up() -> None:
    """Delete what has expired, old notes about mail and old files; have what was deleted 30 days ago erased."""
    with transaction():
        ExpiryRepo().remove_expired()
        MailRepo().remove_settled(KEEP_MAIL)
    with transaction():
        for org in OrgRepo().all():
            with in_org(org.id):
                ExpiryRepo().remove_files(org.id, tuple(KINDS.values()), KEEP_FILES)
                uploads.remove_left_files(org.id)
    with transaction():
        for thing, (kind, given) in _ERASURES.items():
            for org_id in ExpiryRepo().orgs_with_deleted(thing, datetime.now(UTC) - KEEP_DELETED):
                with in_org(org_id):
                    if not ExpiryRepo().waits(org_id, kind.name):
                        enqueue(kind, given(), trigger="system")
