"""Organisations and who belongs to them."""

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from app.auth.models import User
from app.orgs.models import ApiKey, Invitation, Org, OrgMember, SavedView, SpendLimit, SpendReservation
from app.web.access import SCOPES
from app.web.security import hash_token
from tests.factories import auth
from tests.factories.rows import save
from tests.support.database import as_owner

_numbers = itertools.count(1)


def org(**values: Any) -> Org:
    number = next(_numbers)
    return save(Org(**{"name": f"Organisation {number}", "slug": f"org-{number}", **values}))


def member(org: Org, role: str = "member", user: User | None = None, **values: Any) -> User:
    """Return a person (a new one unless given) who is a member of the organisation."""
    person = user or auth.user()
    save(OrgMember(org_id=org.id, user_id=person.id, role=role, **values))
    return person


def invitation(org: Org, **values: Any) -> tuple[Invitation, str]:
    """Return a pending invitation and the token of its link."""
    token = secrets.token_urlsafe(32)
    defaults = {
        "email": f"invited{next(_numbers)}@example.org",
        "role": "member",
        "token_hash": hash_token(token),
    }
    expires = datetime.now(UTC) + timedelta(hours=24)
    return save(Invitation(**{"org_id": org.id, "expires_at": expires, **defaults, **values})), token


def api_key(org: Org, user: User, **values: Any) -> tuple[ApiKey, str]:
    """Return a stored key and its secret text."""
    key = secrets.token_urlsafe(32)
    defaults = {
        "name": f"Key {next(_numbers)}",
        "prefix": key[:8],
        "ending": key[-4:],
        "key_hash": hash_token(key),
        "scopes": list(SCOPES),
    }
    return save(ApiKey(**{"org_id": org.id, "user_id": user.id, **defaults, **values})), key


def spend_limit(org: Org, micros: int, **values: Any) -> SpendLimit:
    """Return a stored limit of this month, of the organisation unless a key is named."""
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    given = {"period": "month", "period_start": start, **values}
    return save(SpendLimit(org_id=org.id, limit_micros=micros, **given))


def spending(key: ApiKey, task_id: UUID) -> dict[str, Any]:
    """Return a limit of a key, and what a task has reserved of nothing, by table."""
    limit = spend_limit(Org(id=key.org_id), 50_000_000, api_key_id=key.id)
    held = SpendReservation(org_id=key.org_id, task_id=task_id, amount_micros=1, limit_ids=[])
    return {"spend_limits": limit, "spend_reservations": save(held)}


def saved_view(org: Org, user: User, **values: Any) -> SavedView:
    """Return a private view of the list of agents; the organisation's count of changes follows."""
    with as_owner() as session:
        session.execute(update(Org).where(Org.id == org.id).values(views_generation=Org.views_generation + 1))
    defaults = {"list": "agents", "name": f"View {next(_numbers)}", "params": [["status", "archived"]]}
    return save(SavedView(**{"org_id": org.id, "user_id": user.id, **defaults, **values}))
