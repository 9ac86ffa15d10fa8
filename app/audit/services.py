"""Writing the audit log."""

from typing import Any
from uuid import UUID

from app.audit.models import AuditEvent
from app.db.base import db
from app.db.scope import current_scope


def record(
    action: str,
    target_type: str,
    target_id: UUID | None = None,
    target_label: str | None = None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Note a change in the running transaction, in the name of the scope.

    `action` reads `<thing>.<verb>`, such as `agent.archive`. `before` and `after` hold the changed values as JSON;
    never a secret, a hash or a token. Without an organisation in the scope only its actor can read the event.
    """
    scope = current_scope()
    db.session.add(
        AuditEvent(
            org_id=scope.org_id,
            actor_id=scope.user_id,
            actor_label=scope.actor_label,
            action=action,
            target_type=target_type,
            target_id=target_id,
            target_label=target_label,
            before=before,
            after=after,
            address=scope.address,
            request_id=scope.request_id,
        )
    )
