"""Clear away what is over."""

from datetime import UTC, datetime, timedelta

from app.agents.kinds import ERASURE, KEEP_DELETED, AgentErasure
from app.db.queue import enqueue
from app.db.scope import in_org
from app.db.session import transaction
from app.orgs.repo.orgs import OrgRepo
from app.tasks.repo.mail import MailRepo
from app.tasks.repo.upkeep import ExpiryRepo

KEEP_MAIL = timedelta(days=30)
KEEP_FILES = timedelta(hours=24)


def clean_up() -> None:
    """Delete what has expired, old notes about mail and old files; have agents deleted 30 days ago erased by tasks."""
    with transaction():
        ExpiryRepo().remove_expired()
        MailRepo().remove_settled(KEEP_MAIL)
    with transaction():
        for org in OrgRepo().all():
            with in_org(org.id):
                ExpiryRepo().remove_files(org.id, KEEP_FILES)
    with transaction():
        due = ExpiryRepo().deleted_agents(datetime.now(UTC) - KEEP_DELETED)
        for org_id in {row[0] for row in due}:
            with in_org(org_id):
                if not ExpiryRepo().waits(org_id, ERASURE.name):
                    enqueue(ERASURE, AgentErasure(), trigger="system")
