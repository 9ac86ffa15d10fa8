"""The person behind the request, as plain rows: what the gate found in one statement."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import g
from flask_login import UserMixin, current_user


@dataclass(frozen=True)
class Membership:
    """An organisation the visitor belongs to, the role there, its zone, and how often agents and views have changed.

    `live_tasks` counts those that wait or run, up to 100, in the organisation of the path; it is 0 in all others.
    """

    org_id: UUID
    name: str
    slug: str
    role: str
    time_zone: str | None = None
    agents_generation: int = 0
    views_generation: int = 0
    live_tasks: int = 0


@dataclass(frozen=True, eq=False)
class Visitor(UserMixin):
    """A signed-in person with the session that proves it."""

    id: UUID
    email: str
    first_name: str | None
    last_name: str | None
    role: str
    preferences: dict[str, Any]
    session_id: UUID
    reauthenticated_at: datetime
    memberships: tuple[Membership, ...]
    org: Membership | None = field(default=None)

    @property
    def display_name(self) -> str:
        """Both names, else the address."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.email

    @property
    def is_platform_admin(self) -> bool:
        """Platform role ADMIN."""
        return self.role == "ADMIN"


@dataclass(frozen=True)
class Caller:
    """A program: the key it showed, the person the key acts for, and their membership of its organisation."""

    key_id: UUID
    key_name: str
    prefix: str
    scopes: frozenset[str]
    expires_at: datetime | None
    user_id: UUID
    email: str
    org: Membership


def require_caller() -> Caller:
    """The program behind a view marked with `api_scope`."""
    caller = g.get("caller")
    assert isinstance(caller, Caller)
    return caller


def current_visitor() -> Visitor | None:
    """The signed-in person, or None."""
    user = current_user._get_current_object()  # noqa: SLF001 - LocalProxy
    return user if user.is_authenticated else None


def require_visitor() -> Visitor:
    """The signed-in person of a view that the gate guards."""
    visitor = current_visitor()
    assert visitor is not None
    return visitor


def require_org() -> Membership:
    """The membership behind a view marked with `org_right`."""
    org = require_visitor().org
    assert org is not None
    return org
