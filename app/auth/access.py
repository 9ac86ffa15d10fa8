"""From the session cookie to the person."""

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast
from uuid import UUID

from flask import Flask, Request, Response, request, url_for
from flask import session as flask_session
from itsdangerous import BadSignature, URLSafeSerializer

from app.auth.repo.sessions import SessionRepo, VisitorRow
from app.db.scope import current_scope, use_scope
from app.db.session import transaction
from app.extensions import login_manager
from app.web.access import View
from app.web.errors import DATABASE_AWAY
from app.web.identity import Membership, Visitor, require_visitor
from app.web.render import EPOCH_COOKIE, leave
from app.web.security import (
    SAFE_METHODS,
    VISIT,
    hash_token,
    page_before,
    session_cookie_name,
    session_token,
    settings,
)

SESSION_LIFE = timedelta(days=30)
CHALLENGE = "challenge"
_PROOF_LIFE = timedelta(minutes=15)
_DEVICE_LIFE = timedelta(days=365)
_PEOPLE_PER_DEVICE = 5
_TOUCH_EVERY = timedelta(minutes=5)


def load_visitor(req: Request) -> Visitor | None:
    """The person behind the request's session cookie; in an organisation's page with the membership there."""
    token = session_token()
    slug = (req.view_args or {}).get("org")
    row = SessionRepo().visitor(hash_token(token), slug) if token else None
    if row is None:
        return None
    if datetime.now(UTC) - row.last_seen_at > _TOUCH_EVERY:
        with suppress(*DATABASE_AWAY), transaction():  # people go on reading while nothing can be written
            SessionRepo().touch(row.session_id)
    return _visitor(row, slug)


def keep_session(response: Response, token: str, user_id: UUID) -> None:
    """Give the browser its session cookie; what it held before the sign-in ends, its CSRF token included.

    The browser is recognised the next time this person signs in with it.
    """
    for key in (VISIT, CHALLENGE):
        flask_session.pop(key, None)
    renew_cookie(response, token)
    _rotate_epoch(response)
    people = [str(user_id), *(known for known in _known_people() if known != str(user_id))]
    value = _signer().dumps(people[:_PEOPLE_PER_DEVICE])
    response.set_cookie(_device_cookie(), value, max_age=_DEVICE_LIFE, httponly=True, **_cookie())


def renew_cookie(response: Response, token: str) -> None:
    """Give the browser the token under which its session goes on; what it keeps of the session's pages stays good."""
    response.set_cookie(session_cookie_name(), token, max_age=SESSION_LIFE, httponly=True, **_cookie())


def drop_session(response: Response) -> None:
    """Take the session away, and with it what the browser kept of its pages."""
    flask_session.clear()
    response.delete_cookie(session_cookie_name(), httponly=True, **_cookie())
    _rotate_epoch(response)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def recent_password(view: View) -> View:
    """Ask for the password first when it was given more than 15 minutes ago; stands below the access mark."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs) if has_recent_proof() else ask_for_proof()

    return cast("View", guarded)


def has_recent_proof() -> bool:
    """Whether the visitor proved who they are in the last 15 minutes."""
    return datetime.now(UTC) - require_visitor().reauthenticated_at <= _PROOF_LIFE


def ask_for_proof() -> Response:
    """Lead to the page that asks for the password, and back here; after a form to the page that it stood on."""
    if request.method in SAFE_METHODS:
        return leave(url_for("confirm.new", next=request.path))
    return leave(url_for("confirm.new", next=page_before() or request.path, unsent=1))


def act_as(user_id: UUID, email: str) -> None:
    """Let the rest of the request act, and be audited, as this person."""
    use_scope(replace(current_scope(), user_id=user_id, actor_label=email))


def is_known_device(user_id: UUID) -> bool:
    """Whether this browser signed in as this person before."""
    return str(user_id) in _known_people()


def _cookie() -> dict[str, Any]:
    return {"secure": settings().secure, "samesite": "Lax", "path": "/"}


def _rotate_epoch(response: Response) -> None:
    """A page kept by the browser compares this cookie with the one it was shown under, and reloads."""
    response.set_cookie(EPOCH_COOKIE, secrets.token_urlsafe(9), max_age=SESSION_LIFE, **_cookie())


def _known_people() -> list[str]:
    try:
        people = _signer().loads(request.cookies.get(_device_cookie(), ""))
    except BadSignature:
        return []
    return [person for person in people if isinstance(person, str)] if isinstance(people, list) else []


def _device_cookie() -> str:
    return "__Host-device" if settings().secure else "device"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer([*settings().secret_key_fallbacks, settings().secret_key], salt="device")


def _visitor(row: VisitorRow, slug: str | None) -> Visitor:
    memberships = tuple(Membership(**{**entry, "org_id": UUID(entry["org_id"])}) for entry in row.memberships)
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
    login_manager.init_app(app, add_context_processor=False)
    login_manager.session_protection = None
    login_manager.request_loader(load_visitor)
