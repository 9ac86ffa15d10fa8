"""The sidebar: sections that exist and that the visitor may open."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, request, url_for

from app.web.access import role_has
from app.web.identity import Membership, Visitor

# group -> (label, endpoint, icon, right)
_ORG_SECTIONS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "Build": (
        ("Agents", "agents.index", "agent", "agents.read"),
        ("Personas", "personas.index", "user", "agents.read"),
        ("Tools", "tools.index", "tool", "tools.view"),
        ("Knowledge", "knowledge.index", "book", "knowledge.view"),
        ("Connections", "connections.index", "plug", "connections.view"),
    ),
    "Run": (
        ("Playground", "playground.index", "play", "agents.run"),
        ("Threads", "threads.index", "threads", "threads.read"),
        ("Approvals", "approvals.index", "shield", "threads.read"),
        ("Tasks", "tasks.index", "check-circle", "tasks.read"),
        ("Schedules", "schedules.index", "calendar", "tasks.read"),
    ),
    "Watch": (("Analytics", "analytics.index", "chart", "analytics.read"),),
    "Organisation": (
        ("Members", "members.index", "users", "members.read"),
        ("Keys", "keys.index", "key", "keys.manage"),
        ("Audit log", "audit.index", "list", "audit.read"),
        ("Settings", "settings.show", "settings", "settings.manage"),
    ),
}
_PLATFORM_SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("Users", "platform.users", "users"),
    ("Organisations", "platform.orgs", "building"),
    ("Sessions", "platform.sessions", "key"),
    ("Data", "data.index", "table"),
    ("System", "system.show", "server"),
)
# endpoint or blueprint -> the section it belongs to, where the names do not say so
_PARTS = {
    "beside": "playground",
    "evaluation_runs": "agents",
    "evaluations": "agents",
    "invitations": "members",
    "limits": "settings",
    "limits.show_key": "keys",
    "limits.update_key": "keys",
    "mail": "members",
    "platform.user": "platform.users",
    "thread": "threads",
}
_PLATFORM_BLUEPRINTS = {endpoint.partition(".")[0] for _, endpoint, _ in _PLATFORM_SECTIONS}


@dataclass(frozen=True)
class NavItem:
    """A link of the sidebar."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True)
class NavGroup:
    """A titled group of links."""

    label: str
    items: Sequence[NavItem]


def navigation(visitor: Visitor | None, org: Membership | None) -> Sequence[NavGroup]:
    """The groups for this visitor: the platform's in its pages, the organisation's wherever one is shown."""
    if visitor is None:
        return ()
    if org and request.blueprint not in _PLATFORM_BLUEPRINTS:
        where = (request.blueprint, request.endpoint, request.script_root)
        return _of_org(org.slug, org.role, *where)
    pages = platform_pages(visitor)
    return (NavGroup("Platform", pages),) if pages else ()


@lru_cache(maxsize=512)
def _of_org(slug: str, role: str, *_where: str | None) -> Sequence[NavGroup]:
    """The groups of an organisation's pages, kept for each place in which they are shown."""
    groups = (
        NavGroup(
            label,
            [
                _item(name, endpoint, icon, org=slug)
                for name, endpoint, icon, right in sections
                if role_has(role, right) and endpoint in current_app.view_functions
            ],
        )
        for label, sections in _ORG_SECTIONS.items()
    )
    return tuple(group for group in groups if group.items)


def switch_url(org: Membership) -> str:
    """The section of this request in another organisation; its home where the role there does not open it."""
    for sections in _ORG_SECTIONS.values():
        for _, endpoint, _, right in sections:
            if _within(endpoint) and role_has(org.role, right):
                return url_for(endpoint, org=org.slug)
    return url_for("home.show", org=org.slug)


def platform_pages(visitor: Visitor | None) -> list[NavItem]:
    """The platform's pages, for a platform admin."""
    allowed = visitor is not None and visitor.is_platform_admin
    return [_item(*section) for section in _PLATFORM_SECTIONS] if allowed else []


def _item(label: str, endpoint: str, icon: str, **values: Any) -> NavItem:
    return NavItem(label, url_for(endpoint, **values), icon, _within(endpoint))


def _within(endpoint: str) -> bool:
    """Whether this request is for a page of the section that begins with `endpoint`."""
    section, blueprint = endpoint.partition(".")[0], request.blueprint or ""
    here = _PARTS.get(request.endpoint or "") or _PARTS.get(blueprint) or blueprint
    if section == "platform":
        return endpoint in (request.endpoint, here)
    return here == section or here.startswith((f"{section}_", f"{section.removesuffix('s')}_"))
