"""The gate in front of every view: first run, sign-in, organisation, role, CSRF, in this order."""

from urllib.parse import quote

from flask import Flask, Response, current_app, g, request, url_for

from app.auth.repo.users import UserRepo
from app.db.scope import Scope, use_scope
from app.web.access import Access, access_of, role_has, roles_with
from app.web.errors import NotFound, Refusal, not_signed_in
from app.web.identity import Visitor, current_visitor
from app.web.render import leave
from app.web.security import FORM_TYPES, SAFE_METHODS, check_csrf, source_address


def gate() -> Response | None:
    """Let the request through to its view, or answer in its place."""
    if request.endpoint is None:
        return None
    access = access_of(current_app, request.endpoint)
    visitor = None if access.kind == "always" else current_visitor()
    if visitor is None and access.kind != "always":
        if not UserRepo().any():
            return leave(url_for("setup.show"))
        if access.kind != "public":
            return not_signed_in(_sign_in_url())
    use_scope(_scope(visitor))
    if visitor is not None:
        _set_zone(visitor)
        _check_access(access, visitor)
    if request.method not in SAFE_METHODS:
        check_csrf()
        if request.mimetype not in FORM_TYPES:
            raise Refusal(415, "Send the values as a form.")
    return None


def _sign_in_url() -> str:
    if request.method not in {"GET", "HEAD"}:
        return url_for("auth.sign_in")
    path = request.full_path.rstrip("?")
    return f"{url_for('auth.sign_in')}?next={quote(path, safe='/')}"


def _scope(visitor: Visitor | None) -> Scope:
    return Scope(
        org_id=visitor.org.org_id if visitor and visitor.org else None,
        user_id=visitor.id if visitor else None,
        actor_label=visitor.email if visitor else "anonymous",
        address=source_address(request),
        request_id=g.request_id,
    )


def _set_zone(visitor: Visitor) -> None:
    g.time_zone = visitor.preferences.get("time_zone")
    g.org_time_zone = visitor.org.time_zone if visitor.org else None


def _check_access(access: Access, visitor: Visitor) -> None:
    if access.kind == "platform_admin" and not visitor.is_platform_admin:
        raise NotFound
    if access.kind != "org":
        return
    if visitor.org is None:
        raise NotFound
    assert access.right is not None
    if not role_has(visitor.org.role, access.right):
        raise Refusal(
            403, f"This needs the role {' or '.join(roles_with(access.right))}; yours is {visitor.org.role}."
        )


def register(app: Flask) -> None:
    """Put the gate in front of every request. RuntimeError for a view without an access mark."""
    unmarked = [endpoint for endpoint, view in app.view_functions.items() if not hasattr(view, "access")]
    if unmarked:
        raise RuntimeError(f"views without an access mark: {', '.join(sorted(unmarked))}")
    app.before_request(gate)
