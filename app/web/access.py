"""Who may call a route: one mark on every view, one table of rights behind the marks.

The gate (`app/orgs/access.py`) enforces the marks; templates ask `can(right)`; tests walk both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])

ROLES = ("viewer", "member", "admin", "owner")

RIGHTS: dict[str, str] = {
    "org.read": "viewer",
    "agents.read": "viewer",
    "agents.edit": "member",
    "agents.run": "member",
    "approvals.decide": "admin",
    "threads.read": "viewer",
    "threads.edit": "member",
    "threads.read_all": "admin",
    "knowledge.view": "viewer",
    "knowledge.edit": "member",
    "tools.view": "viewer",
    "tools.edit": "member",
    "connections.view": "admin",
    "connections.edit": "admin",
    "feedback.give": "member",
    "analytics.read": "viewer",
    "views.share": "member",
    "views.manage": "admin",
    "members.read": "viewer",
    "members.manage": "admin",
    "invitations.manage": "admin",
    "tasks.read": "viewer",
    "tasks.edit": "member",
    "audit.read": "admin",
    "data.read": "admin",
    "keys.manage": "admin",
    "settings.manage": "admin",
    "org.rename": "owner",
    "org.delete": "owner",
    "owners.manage": "owner",
}
"""The lowest organisation role that holds each right."""

SCOPES: dict[str, str] = {
    "org:read": "org.read",
    "agents:read": "agents.read",
    "agents:write": "agents.edit",
    "agents:run": "agents.run",
    "threads:read": "threads.read",
    "threads:write": "threads.edit",
    "knowledge:read": "knowledge.view",
    "tools:read": "tools.view",
    "tasks:read": "tasks.read",
}
"""What a key can be made for, and the right that the role of its person must hold as well when it is used."""


@dataclass(frozen=True)
class Access:
    """The access rule of a view: `always`, `public`, `signed_in`, `platform_admin`, `org` with a right, or `api`.

    The right of `api` is the scope that the key must have.
    """

    kind: str
    right: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.right}" if self.right else self.kind


def role_has(role: str | None, right: str) -> bool:
    """Whether an organisation role holds a right. KeyError for an unknown right."""
    lowest = RIGHTS[right]
    return role is not None and ROLES.index(role) >= ROLES.index(lowest)


def roles_with(right: str) -> tuple[str, ...]:
    """The roles that hold a right, lowest first."""
    return ROLES[ROLES.index(RIGHTS[right]) :]


def manageable_roles(role: str) -> tuple[str, ...]:
    """The roles that a member of `role` may grant, change and remove."""
    return {"owner": ROLES, "admin": ("viewer", "member")}.get(role, ())


def _mark(access: Access) -> Callable[[View], View]:
    def apply(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return apply


def public(view: View) -> View:
    """Anyone may call it, signed in or not."""
    return _mark(Access("public"))(view)


def always(view: View) -> View:
    """Anyone may call it, even before the instance is claimed: health checks, static files, the first run itself."""
    return _mark(Access("always"))(view)


def signed_in(view: View) -> View:
    """Anyone with a session may call it."""
    return _mark(Access("signed_in"))(view)


def platform_admin(view: View) -> View:
    """Platform role ADMIN; for everyone else the page does not exist."""
    return _mark(Access("platform_admin"))(view)


def org_right(right: str) -> Callable[[View], View]:
    """A member of the organisation in the path whose role holds `right`."""
    if right not in RIGHTS:
        raise ValueError(f"unknown right {right!r}")
    return _mark(Access("org", right))


def api_scope(scope: str) -> Callable[[View], View]:
    """A program whose key has `scope` and acts for a member whose role holds the right behind it."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}")
    return _mark(Access("api", scope))


def takes_file(most: int) -> Callable[[View], View]:
    """A body with files: it may have `most` bytes, far more than others."""

    def apply(view: View) -> View:
        view.most_bytes = most  # type: ignore[attr-defined]
        return view

    return apply


def most_bytes_of(app: Flask, endpoint: str) -> int | None:
    """How large the body of a request may be; None for as large as most."""
    found = getattr(app.view_functions[endpoint], "most_bytes", None)
    assert found is None or isinstance(found, int)
    return found


def access_of(app: Flask, endpoint: str) -> Access:
    """The mark of an endpoint. KeyError if it has none: an unmarked view is never served."""
    view = app.view_functions[endpoint]
    access = getattr(view, "access", None)
    if access is None:
        raise KeyError(endpoint)
    assert isinstance(access, Access)
    return access
