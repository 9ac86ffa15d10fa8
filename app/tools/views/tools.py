"""Tools: the list, one tool, its form, and deleting it."""

from uuid import UUID

import orjson
from flask import Blueprint, Response, request, url_for

from app.audit.repo import AuditRepo
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.tools.forms.single import (
    APPROVAL_WORDS,
    EMPTY_SCHEMA,
    KIND_WORDS,
    TOOL_LIST,
    CommonForm,
    HttpToolForm,
    stored_values,
)
from app.tools.parts import HttpConfig, McpConfig
from app.tools.repo.tools import ToolsRepo
from app.tools.services.tabular import arguments_of, one_line
from app.tools.services.tools import change_tool, create_tool, delete_tool, found_tool, set_state
from app.tools.views.editing import NAME_IN_USE, fits, may_open, offer, tool_page
from app.web.access import org_right
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("tools", __name__, url_prefix="/o/<org>/tools")
HISTORY_LENGTH = 30
TAKEN_OFF = "Tool saved. Its address leads elsewhere now, so the stored secret was taken off it."
DONE = {"enable": "enabled", "disable": "disabled", "archive": "archived", "restore": "restored"}


@bp.get("")
@org_right("tools.view")
def index(org: str) -> Response:
    """The tools that match the address; a pasted id leads to its tool."""
    repo, org_id = ToolsRepo(), require_org().org_id
    state = read_list(TOOL_LIST, viewer_zone().key)
    jump = pasted_id("tool", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, tool_id=jump))
    page = repo.page(org_id, state)
    none_yet = page.total == 0 and not state.filtered and not repo.any(org_id)
    words = {"kinds": KIND_WORDS, "approvals": APPROVAL_WORDS}
    return show_list("tools/index.html", state, page, none_yet=none_yet, **words)


@bp.get("/new")
@org_right("tools.edit")
def new(org: str) -> Response:
    """An empty form of an HTTP tool, its arguments as a table."""
    form = HttpToolForm()
    form.show(EMPTY_SCHEMA)
    form.turned("table")
    return tool_page(form, None)


@bp.post("/new")
@org_right("tools.edit")
def create(org: str) -> Response:
    """Store a new HTTP tool, or show its schema in another way."""
    form, org_id = HttpToolForm(), require_org().org_id
    form.read_table()
    if form.turned(request.form.get("act", "")):
        return tool_page(form, None)
    if not fits(form, None):
        return tool_page(form, None, 422)

    def stored() -> str:
        choice = form.key_choice(may=may_open())
        made = create_tool(org_id, {**form.values(), "kind": "http"}, choice)
        return url_for(".show", org=org, tool_id=made)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return tool_page(form, None, 422)
    toast("Tool created.")
    return leave(location)


@bp.get("/<uuid:tool_id>")
@org_right("tools.view")
def show(org: str, tool_id: UUID) -> Response:
    """What a tool is, which agents use it, and what happened to it."""
    org_id = require_org().org_id
    tool = found_tool(org_id, tool_id)
    arguments, rules = arguments_of(tool.input_schema)
    return render(
        "tools/show.html",
        arguments=arguments,
        rules=one_line(rules),
        tool=tool,
        config=(McpConfig if tool.kind == "mcp" else HttpConfig).model_validate(tool.config),
        schema=orjson.dumps(tool.input_schema, option=orjson.OPT_INDENT_2).decode(),
        kinds=KIND_WORDS,
        approvals=APPROVAL_WORDS,
        users=ToolsRepo().users(org_id, tool_id),
        history=AuditRepo().for_target(org_id, "tool", tool_id, HISTORY_LENGTH),
        trail=came_from(url_for(".index", org=org)),
    )


@bp.get("/<uuid:tool_id>/edit")
@org_right("tools.edit")
def edit(org: str, tool_id: UUID) -> Response:
    """The form with the tool as it is stored, but for its secret."""
    tool = found_tool(require_org().org_id, tool_id)
    if tool.kind == "mcp":
        names = ("name", "description", "approval", "enabled", "lock_version")
        given = {name: getattr(tool, name) for name in names}
        return tool_page(CommonForm(**given, seconds=McpConfig.model_validate(tool.config).seconds), tool)
    return tool_page(HttpToolForm(**stored_values(tool)), tool)


@bp.post("/<uuid:tool_id>/edit")
@org_right("tools.edit")
def update(org: str, tool_id: UUID) -> Response:
    """Save the form, or show its schema in another way."""
    tool = found_tool(require_org().org_id, tool_id)
    form = CommonForm() if tool.kind == "mcp" else HttpToolForm()
    if isinstance(form, HttpToolForm):
        form.read_table()
        if form.turned(request.form.get("act", "")):
            return tool_page(form, tool)
    if not fits(form, tool):
        return tool_page(form, tool, 422)
    values, choice = offer(form, tool)
    try:
        with transaction():
            dropped = change_tool(tool.org_id, (tool_id, form.version()), values, choice)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return tool_page(form, tool, 422)
    except Stale:
        overtaken(form, "tool", tool.lock_version)
        return tool_page(form, tool, 409)
    toast(TAKEN_OFF if dropped else "Tool saved.", "warning" if dropped else "success")
    return leave(url_for(".show", org=org, tool_id=tool_id))


@bp.post("/<uuid:tool_id>/<any(enable,disable,archive,restore):act>")
@org_right("tools.edit")
def switch(org: str, tool_id: UUID, act: str) -> Response:
    """Let agents use a tool or not, take it from the list or bring it back."""
    with transaction():
        set_state(require_org().org_id, tool_id, act)
    toast(f"Tool {DONE[act]}.")
    return leave(url_for(".show", org=org, tool_id=tool_id))


@bp.get("/<uuid:tool_id>/delete")
@org_right("tools.edit")
def confirm_delete(org: str, tool_id: UUID) -> Response:
    """Ask for its name, or say which agents keep it."""
    tool = found_tool(require_org().org_id, tool_id)
    users = ToolsRepo().users(tool.org_id, tool_id)
    return render("tools/delete.html", tool=tool, users=users, form=ConfirmForm(tool.name))


@bp.post("/<uuid:tool_id>/delete")
@org_right("tools.edit")
def destroy(org: str, tool_id: UUID) -> Response:
    """Delete a tool that no agent uses and whose name was typed."""
    tool = found_tool(require_org().org_id, tool_id)
    form = ConfirmForm(tool.name)
    if not form.validate():
        users = ToolsRepo().users(tool.org_id, tool_id)
        return render("tools/delete.html", status=422, tool=tool, users=users, form=form)
    with transaction():
        name = delete_tool(tool.org_id, tool_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))
