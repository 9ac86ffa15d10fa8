"""Clear away what is over."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from app.audit.services import record
from app.db.scope import in_org
from app.db.session import transaction
from app.tasks.repo.mail import MailRepo
from app.tasks.repo.upkeep import ExpiryRepo

KEEP_MAIL = timedelta(days=30)
KEEP_DELETED = timedelta(days=30)


def clean_up() -> None:
    """Delete what has expired, old notes about mail, and agents deleted 30 days ago, each with an audit event."""
    with transaction():
        ExpiryRepo().remove_expired()
        MailRepo().remove_settled(KEEP_MAIL)
    before = datetime.now(UTC) - KEEP_DELETED
    with transaction():
        due = ExpiryRepo().deleted_agents(before)
        for org_id, pairs in groupby(due, key=itemgetter(0)):
            with in_org(org_id):
                for agent_id, name in ExpiryRepo().erase_agents(org_id, [pair[1] for pair in pairs], before):
                    record("agent.erase", "agent", agent_id, name)
