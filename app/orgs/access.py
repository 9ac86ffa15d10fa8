"""The gate in front of every view: first run, sign-in or key, organisation, role, CSRF, in this order."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request, url_for
from limits import RateLimitItemPerMinute

from app.auth.repo.users import UserRepo
from app.db.scope import Scope, use_scope
from app.db.session import rest, transaction
from app.orgs.repo.api_keys import ApiKeyRepo, BearerRow
from app.web.access import SCOPES, Access, access_of, most_bytes_of, role_has, roles_with
from app.web.errors import DATABASE_AWAY, NotFound, Refusal, no_key, not_signed_in
from app.web.filters import choose_zone
from app.web.identity import Caller, Membership, Visitor, current_visitor
from app.web.json_body import JSON_TYPE
from app.web.limits import UNKNOWN_KEYS, spend
from app.web.render import is_htmx, leave
from app.web.security import (
    FORM_TYPES,
    SAFE_METHODS,
    check_csrf,
    hash_token,
    page_before,
    settings,
    source_address,
)

KEY_HEADER = "X-API-Key"
_LONGEST_KEY = 200
_TOUCH_EVERY = timedelta(minutes=1)


def gate() -> Response | None:
    """Let the request through to its view, or answer in its place."""
    if request.endpoint is None:
        return None
    access = access_of(current_app, request.endpoint)
    if access.kind == "api":
        request.max_content_length = most_bytes_of(current_app, request.endpoint)
        return _admit_program(access)
    visitor = None if access.kind == "always" else current_visitor()
    if visitor is None and access.kind != "always":
        if not UserRepo().any():
            return leave(url_for("setup.show"))
        if access.kind != "public":
            return not_signed_in(_sign_in_url())
    use_scope(_scope(visitor))
    if visitor is not None:
        choose_zone(visitor.preferences.get("time_zone"), visitor.org.time_zone if visitor.org else None)
        _check_access(access, visitor)
    if request.method not in SAFE_METHODS:
        _check_form(request.endpoint)
    return None


def _check_form(endpoint: str) -> None:
    """Refuse what is no form of ours, and read it: whoever sends slowly holds no connection to the database."""
    request.max_content_length = most_bytes_of(current_app, endpoint)
    rest()
    check_csrf()
    if request.mimetype not in FORM_TYPES:
        raise Refusal(415, "Send the values as a form.")
    request.get_data(parse_form_data=True)


def _sign_in_url() -> str:
    """Where to sign in, to come back afterwards: to the page that was asked for, or that the form or part was on."""
    sent = request.method not in SAFE_METHODS
    path = page_before() if sent or is_htmx() else request.full_path.rstrip("?")
    if path is None:
        return url_for("auth.sign_in")
    return f"{url_for('auth.sign_in')}?next={quote(path, safe='/')}{'&unsent=1' if sent else ''}"


def _scope(visitor: Visitor | None) -> Scope:
    return Scope(
        org_id=visitor.org.org_id if visitor and visitor.org else None,
        user_id=visitor.id if visitor else None,
        actor_label=visitor.email if visitor else "anonymous",
        address=source_address(request),
        request_id=g.request_id,
    )


def _check_access(access: Access, visitor: Visitor) -> None:
    if access.kind == "platform_admin" and not visitor.is_platform_admin:
        raise NotFound
    if access.kind != "org":
        return
    if visitor.org is None:
        raise NotFound
    assert access.right is not None
    if not role_has(visitor.org.role, access.right):
        raise Refusal(403, f"This needs the role {_any_of(access.right)}; yours is {visitor.org.role}.")


def _admit_program(access: Access) -> Response | None:
    """Let a program through that shows a key with the scope of the view. Cookies play no part, hence no CSRF either."""
    given = given_key()
    row = ApiKeyRepo().bearer(hash_token(given)) if given else None
    if row is None:
        spend(UNKNOWN_KEYS, source_address(request))
        return no_key(
            "This key does not work: it is unknown, has ended, or its person no longer belongs here."
            if given
            else f"Send one API key, as Authorization: Bearer or as {KEY_HEADER}."
        )
    g.caller = caller = _caller(row)
    label = f"{caller.email} ({caller.key_name})"
    use_scope(Scope(caller.org.org_id, caller.user_id, label, source_address(request), g.request_id))
    spend(RateLimitItemPerMinute(settings().api_requests_per_minute_of_org), str(caller.org.org_id))
    spend(RateLimitItemPerMinute(settings().api_requests_per_minute), f"{caller.org.org_id}:{caller.key_id}")
    _note_use(row)
    _check_scope(access, caller)
    if request.mimetype != JSON_TYPE and (request.mimetype or _has_body()):
        raise Refusal(415, f"Send the values as {JSON_TYPE}.")
    return None


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def given_key() -> str | None:
    """The key in one of the two headers; none if they disagree. It is read nowhere else, whatever the route."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = {request.headers.get(KEY_HEADER, ""), bearer.strip() if scheme.lower() == "bearer" else ""} - {""}
    return given.pop() if len(given) == 1 and all(len(key) <= _LONGEST_KEY for key in given) else None


def _caller(row: BearerRow) -> Caller:
    return Caller(
        key_id=row.key_id,
        key_name=row.key_name,
        prefix=row.prefix,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
        user_id=row.user_id,
        email=row.email,
        org=Membership(row.org_id, row.org_name, row.slug, row.role, agents_generation=row.agents_generation),
    )


def _note_use(row: BearerRow) -> None:
    """Keep the moment of a key's last use to the minute."""
    if row.last_used_at is None or datetime.now(UTC) - row.last_used_at > _TOUCH_EVERY:
        with suppress(*DATABASE_AWAY), transaction():  # programs go on reading while nothing can be written
            ApiKeyRepo().touch(row.org_id, row.key_id)


def _check_scope(access: Access, caller: Caller) -> None:
    assert access.right is not None
    if access.right not in caller.scopes:
        raise Refusal(403, f"This needs a key with the scope {access.right}.")
    right = SCOPES[access.right]
    if not role_has(caller.org.role, right):
        raise Refusal(
            403,
            f"The key acts for {caller.email} with the role {caller.org.role}; this needs {_any_of(right)}.",
        )


def _any_of(right: str) -> str:
    *others, last = roles_with(right)
    return f"{', '.join(others)} or {last}" if others else last


def register(app: Flask) -> None:
    """Put the gate in front of every request. RuntimeError for a view without an access mark."""
    unmarked = [endpoint for endpoint, view in app.view_functions.items() if not hasattr(view, "access")]
    if unmarked:
        raise RuntimeError(f"views without an access mark: {', '.join(sorted(unmarked))}")
    app.before_request(gate)
