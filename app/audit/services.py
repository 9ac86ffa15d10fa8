"""Writing the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert

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
    db.session.add(
        AuditEvent(
            action=action,
            target_type=target_type,
            target_id=target_id,
            target_label=target_label,
            before=before,
            after=after,
            **_origin(),
        )
    )


@dataclass(frozen=True)
class Target:
    """One of several things a request changed in the same way."""

    action: str
    id: UUID
    label: str
    before: dict[str, Any]
    after: dict[str, Any]


def record_each(target_type: str, targets: Sequence[Target]) -> None:
    """Note a change of many things in one statement; see `record`."""
    if not targets:
        return
    origin = _origin()
    rows = [
        {
            "action": target.action,
            "target_type": target_type,
            "target_id": target.id,
            "target_label": target.label,
            "before": target.before,
            "after": target.after,
            **origin,
        }
        for target in targets
    ]
    db.session.execute(insert(AuditEvent), rows)


def _origin() -> dict[str, Any]:
    scope = current_scope()
    return {
        "org_id": scope.org_id,
        "actor_id": scope.user_id,
        "actor_label": scope.actor_label,
        "address": scope.address,
        "request_id": scope.request_id,
    }
