"""Pages and fragments from one template; the only reader and writer of HX- headers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    get_flashed_messages,
    make_response,
    redirect,
    render_template,
    request,
)
from jinja2_fragments.flask import render_block, render_blocks
from markupsafe import escape

from app.web.access import role_has
from app.web.identity import Membership, Visitor, current_visitor
from app.web.navigation import NavGroup, NavItem, navigation, platform_pages, switch_url

TOAST_LENGTH = 200
EPOCH_COOKIE = "session_epoch"


@dataclass(frozen=True)
class Shell:
    """What the frame around every page shows."""

    user: Visitor | None
    org: Membership | None
    orgs: Sequence[Membership]
    role: str | None
    nav: Sequence[NavGroup]
    theme: str
    messages: Sequence[dict[str, Any]]
    epoch: str = ""
    platform: Sequence[NavItem] = ()
    title_end: str = " – AgentPress"

    def can(self, right: str) -> bool:
        """Whether the visitor's role in the organisation shown holds a right."""
        return role_has(self.role, right)


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page, not for a page of its history."""
    headers = request.headers
    return "HX-Request" in headers and not {"HX-Boosted", "HX-History-Restore-Request"} & set(headers.keys())


def is_htmx() -> bool:
    """Whether the request comes from htmx at all."""
    return "HX-Request" in request.headers


def wants_json() -> bool:
    """Whether a program or script asks for data; below `/api/` nothing else is served."""
    return is_api() or request.accept_mimetypes.best == "application/json"


def is_api() -> bool:
    """Whether the request is one of the API, known address or not."""
    return request.path.startswith("/api/") or speaks_openai()


def speaks_openai() -> bool:
    """Whether the request comes from a client of OpenAI's API, known address or not."""
    return request.path.startswith("/v1/")


def trigger_id() -> str:
    """The id of the control that made htmx send the request; empty if unknown."""
    return request.headers.get("HX-Trigger", "")


def can(right: str) -> bool:
    """Whether the visitor's role in the organisation of the path holds a right."""
    visitor = current_visitor()
    return role_has(visitor.org.role if visitor and visitor.org else None, right)


def shell(near: str | None = None) -> Shell:
    """The frame of this request; outside the pages of organisations that of the one named, if the visitor is in it.

    Who is in one organisation alone sees it everywhere; titles name it on its own pages only.
    """
    visitor = current_visitor()
    if visitor and near:
        visitor = replace(visitor, org=next((org for org in visitor.memberships if org.slug == near), None))
    place = visitor.org if visitor else None
    org = place or (visitor.memberships[0] if visitor and len(visitor.memberships) == 1 else None)
    theme = visitor.preferences.get("theme") if visitor else request.cookies.get("theme")
    return Shell(
        user=visitor,
        org=org,
        orgs=visitor.memberships if visitor else (),
        role=org.role if org else None,
        nav=navigation(visitor, org),
        theme=theme if theme in {"light", "dark"} else "auto",
        messages=() if wants_fragment() else cast("list[dict[str, Any]]", get_flashed_messages()),
        epoch=request.cookies.get(EPOCH_COOKIE, ""),
        platform=platform_pages(visitor),
        title_end=f" – {place.name} – AgentPress" if place else " – AgentPress",
    )


def bare_shell() -> Shell:
    """A frame that needs no database, for pages that say it is away."""
    return Shell(user=None, org=None, orgs=(), role=None, nav=(), theme="auto", messages=())


def render(template: str, block: str | None = None, status: int = 200, **context: Any) -> Response:
    """The whole page, or for htmx its title and `block` (named after the id it fills).

    A page's own `out_of_band` block, if it has one, follows the fragment. `near` in the context is as of `shell`.
    """
    context["shell"] = shell(context.get("near"))
    if block is not None and wants_fragment():
        body = _fragment(template, block, context)
    else:
        body = render_template(template, **context)
    return make_response(body, status)


def _fragment(template: str, block: str, context: dict[str, Any]) -> str:
    own = current_app.jinja_env.get_template(template).blocks
    title = ""
    if "title" in own:
        words = render_block(template, "title", **context)
        title = f"<title>{words}{escape(context['shell'].title_end)}</title>"
    return title + render_blocks(
        template, [name for name in (block, "out_of_band") if name in own], **context
    )


def leave(url: str) -> Response:
    """After a change: the browser goes to `url` (303), htmx is told to load it (204 with HX-Redirect)."""
    if is_htmx():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return _see_other(url)


def refresh(url: str) -> Response:
    """After a change made from a list region: both kinds of client follow to the list, htmx gets its region."""
    return _see_other(url)


def slowed(response: Response, seconds: int) -> Response:
    """An answer that says when the next attempt is allowed."""
    response.headers["Retry-After"] = str(seconds)
    return response


def notice(text: str, status: int) -> Response:
    """The answer to htmx where something failed: the visitor is told, and what the page shows stays."""
    toast(text, "error")
    response = make_response("", status)
    response.headers["HX-Reswap"] = "none"
    return response


def to_sign_in(url: str) -> Response:
    """The answer to a request that needs a session: htmx 401 with HX-Redirect, a browser 302 (303 after a form)."""
    if is_htmx():
        response = make_response("", 401)
        response.headers["HX-Redirect"] = url
        return response
    return _see_other(url, 302 if request.method in {"GET", "HEAD"} else 303)


def address_bar(response: Response, url: str, *, push: bool) -> Response:
    """Have htmx show `url`, as a new history entry or in place of the present one."""
    if wants_fragment():
        response.headers["HX-Push-Url" if push else "HX-Replace-Url"] = url
    return response


def toast(text: str, level: str = "success", undo_url: str | None = None) -> None:
    """Say `text` (at most 200 characters) on whatever the visitor sees next."""
    message = {"level": level, "text": text[:TOAST_LENGTH], "undo_url": undo_url}
    if is_htmx():
        g.setdefault("toasts", []).append(message)
    else:
        flash(message, level)  # type: ignore[arg-type]


def _deliver_toasts(response: Response) -> Response:
    """An htmx answer that swaps carries its toasts; one that leads elsewhere passes them to the next page."""
    toasts = g.pop("toasts", [])
    if 300 <= response.status_code < 400 or "HX-Redirect" in response.headers:
        for message in toasts:
            flash(message, message["level"])
        return response
    if wants_fragment():
        toasts = [*get_flashed_messages(), *toasts]
    if toasts:
        events = orjson.dumps({"app:toast": {"toasts": toasts}}).decode()
        response.headers["HX-Trigger"] = events.encode("ascii", "backslashreplace").decode("ascii")
    return response


def _keep_private(response: Response) -> Response:
    """Pages are nobody else's: no cache keeps them, and none mixes a page with its fragment."""
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.vary.update(["Cookie", "HX-Request"])
    return response


def _see_other(url: str, code: int = 303) -> Response:
    return make_response(redirect(url, code))


def register(app: Flask) -> None:
    """Give templates `can` and `switch_url`, and answers their toasts."""
    app.jinja_env.globals.update(can=can, switch_url=switch_url)
    app.after_request(_deliver_toasts)
    app.after_request(_keep_private)
