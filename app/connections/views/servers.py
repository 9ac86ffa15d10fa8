"""MCP servers: the list, one server with its tools, its form, and the test that lists them."""

from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, Response, url_for

from app.audit.repo import AuditRepo
from app.connections.forms import SERVER_LIST, TRANSPORT_HINTS, TRANSPORT_WORDS, ServerForm
from app.connections.repo.credentials import CredentialsRepo
from app.connections.repo.mcp_servers import McpServersRepo, ServerFacts
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale
from app.connections.services.servers import (
    NO_PROGRAMS,
    begin_discovery,
    change_server,
    checked_url,
    create_server,
    delete_server,
    programs_allowed,
    set_server_enabled,
)
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org, require_visitor
from app.web.listing import pasted_id, read_list, show_list
from app.web.outbound import OutboundRefused
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("connections_servers", __name__, url_prefix="/o/<org>/connections/mcp-servers")
HISTORY_LENGTH = 30
NAME_IN_USE = "Another MCP server has this name. Choose a different one."
TAKEN_OFF = "Server saved. Its address leads elsewhere now, so the stored secret was taken off it."


@bp.get("")
@org_right("connections.view")
def index(org: str) -> Response:
    """The MCP servers that match the address; a pasted id leads to its server."""
    repo, org_id = McpServersRepo(), require_org().org_id
    state = read_list(SERVER_LIST, viewer_zone().key)
    jump = pasted_id("mcp", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, server_id=jump))
    return show_list("connections/servers.html", state, repo.page(org_id, state), transports=TRANSPORT_WORDS)


@bp.get("/new")
@org_right("connections.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _form(ServerForm(), None)


@bp.post("/new")
@org_right("connections.edit")
def create(org: str) -> Response:
    """Store a new server, and its secret if one was typed."""
    form, org_id = ServerForm(), require_org().org_id
    if not _fits(form, None):
        return _form(form, None, 422)

    def stored() -> str:
        made = create_server(org_id, form.values(form.url.data), form.choice(), programs=_programs())
        return url_for(".show", org=org, server_id=made)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, None, 422)
    toast("MCP server created.")
    return leave(location)


@bp.get("/<uuid:server_id>")
@org_right("connections.view")
def show(org: str, server_id: UUID) -> Response:
    """What a server is, the tools that it named, and what happened to it."""
    org_id, found = require_org().org_id, _found(server_id)
    return render(
        "connections/server.html",
        "server_state",
        server=found,
        transport=TRANSPORT_WORDS[found.transport],
        programs=_programs(),
        schema=_schema,
        tools=McpServersRepo().tools(org_id, server_id),
        history=AuditRepo().for_target(org_id, "mcp_server", server_id, HISTORY_LENGTH),
        trail=came_from(url_for(".index", org=org)),
    )


@bp.get("/<uuid:server_id>/edit")
@org_right("connections.edit")
def edit(org: str, server_id: UUID) -> Response:
    """The form with the server as it is stored, but for its secret."""
    found = _found(server_id)
    _permit(found)
    given = {name: getattr(found, name) for name in ("name", "transport", "url", "enabled", "lock_version")}
    return _form(ServerForm(**given, command="\n".join(found.command or [])), found)


@bp.post("/<uuid:server_id>/edit")
@org_right("connections.edit")
def update(org: str, server_id: UUID) -> Response:
    """Save the form; another address takes the secret off, unless it is chosen or typed again."""
    form, found = ServerForm(), _found(server_id)
    _permit(found)
    if not _fits(form, found):
        return _form(form, found, 422)
    place, values = (server_id, form.version()), form.values(form.url.data)
    try:
        with transaction():
            dropped = change_server(found.org_id, place, values, form.choice(), programs=_programs())
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, found, 422)
    except Stale:
        overtaken(form, "server", found.lock_version)
        return _form(form, found, 409)
    toast(TAKEN_OFF if dropped else "MCP server saved.", "warning" if dropped else "success")
    return leave(url_for(".show", org=org, server_id=server_id))


@bp.post("/<uuid:server_id>/<any(enable,disable):act>")
@org_right("connections.edit")
def switch(org: str, server_id: UUID, act: str) -> Response:
    """Let agents use a server, or not."""
    with transaction():
        set_server_enabled(require_org().org_id, server_id, enabled=act == "enable")
    toast(f"MCP server {act}d.")
    return leave(url_for(".show", org=org, server_id=server_id))


@bp.post("/<uuid:server_id>/test")
@org_right("connections.edit")
def test(org: str, server_id: UUID) -> Response:
    """Have a worker ask the server for its tools."""
    with transaction():
        begin_discovery(require_org().org_id, server_id)
    return leave(url_for(".show", org=org, server_id=server_id))


@bp.get("/<uuid:server_id>/delete")
@org_right("connections.edit")
def confirm_delete(org: str, server_id: UUID) -> Response:
    """Say what goes."""
    found = _found(server_id)
    return render("connections/delete_server.html", server=found, form=ConfirmForm(found.name))


@bp.post("/<uuid:server_id>/delete")
@org_right("connections.edit")
def destroy(org: str, server_id: UUID) -> Response:
    """Delete a server whose name was typed."""
    found = _found(server_id)
    form = ConfirmForm(found.name)
    if not form.validate():
        return render("connections/delete_server.html", status=422, server=found, form=form)
    with transaction():
        name = delete_server(found.org_id, server_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))


def _found(server_id: UUID) -> ServerFacts:
    found = McpServersRepo().get(require_org().org_id, server_id)
    if found is None:
        raise NotFound
    return found


def _schema(schema: Any) -> str:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()


def _programs() -> bool:
    return programs_allowed(platform_admin=require_visitor().is_platform_admin)


def _permit(server: ServerFacts) -> None:
    """Refusal 403 for a program, unless the visitor may say which ones run."""
    if server.transport == "stdio" and not _programs():
        raise Refusal(403, NO_PROGRAMS)


def _offer(form: ServerForm, server: ServerFacts | None) -> None:
    form.offer(CredentialsRepo().choices(require_org().org_id, "mcp"), server.hint if server else None)


def _fits(form: ServerForm, server: ServerFacts | None) -> bool:
    """Whether the form fits; a server that is no program then has a checked address, and a program has none."""
    _offer(form, server)
    if not form.validate():
        return False
    if form.transport.data == "stdio":
        form.url.data = None
        if not _programs():
            raise Refusal(403, NO_PROGRAMS)
        return True
    try:
        form.url.data = checked_url(form.url.data or "")
    except OutboundRefused as refused:
        form.url.errors = [str(refused)]
        return False
    return True


def _form(form: ServerForm, server: ServerFacts | None, status: int = 200) -> Response:
    if form.credential.choices is None:
        _offer(form, server)
    template = "connections/edit_server.html" if server else "connections/new_server.html"
    return render(
        template, "form", status, form=form, server=server, hints=TRANSPORT_HINTS, programs=_programs()
    )
