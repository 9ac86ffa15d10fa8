"""From the session cookie to the person."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask, Request, Response

from app.auth.repo import SessionRepo, VisitorRow
from app.db.session import transaction
from app.extensions import login_manager
from app.web.identity import Membership, Visitor
from app.web.security import hash_token, session_cookie_name, session_token, settings

SESSION_LIFE = timedelta(days=30)
_TOUCH_EVERY = timedelta(minutes=5)


def load_visitor(request: Request) -> Visitor | None:
    """The person behind the request's session cookie; in an organisation's page with the membership there."""
    token = session_token()
    row = SessionRepo().visitor(hash_token(token)) if token else None
    if row is None:
        return None
    if datetime.now(UTC) - row.last_seen_at > _TOUCH_EVERY:
        with transaction():
            SessionRepo().touch(row.session_id)
    return _visitor(row, (request.view_args or {}).get("org"))


def keep_session(response: Response, token: str) -> None:
    """Give the browser its session cookie."""
    response.set_cookie(
        session_cookie_name(),
        token,
        max_age=SESSION_LIFE,
        secure=settings().secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def drop_session(response: Response) -> None:
    """Take the session cookie away."""
    response.delete_cookie(
        session_cookie_name(), path="/", secure=settings().secure, httponly=True, samesite="Lax"
    )


def _visitor(row: VisitorRow, slug: str | None) -> Visitor:
    memberships = tuple(
        Membership(UUID(entry["org_id"]), entry["name"], entry["slug"], entry["role"])
        for entry in row.memberships
    )
    return Visitor(
        id=row.id,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        role=row.role,
        preferences=row.preferences,
        session_id=row.session_id,
        reauthenticated_at=row.reauthenticated_at,
        memberships=memberships,
        org=next((entry for entry in memberships if entry.slug == slug), None) if slug else None,
    )


def register(app: Flask) -> None:
    """Let Flask-Login find the person by our session rows; its own cookies play no part."""
    app.config.update(REMEMBER_COOKIE_NAME="unused remember cookie", SESSION_PROTECTION=None)
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.request_loader(load_visitor)
