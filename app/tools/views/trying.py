"""Trying a tool: arguments in a form made of its schema, then the request and the response.

An HTTP tool is called at once, one of an MCP server by a worker.
"""

from uuid import UUID

from flask import Blueprint, Response
from uuid_utils.compat import uuid7

from app.db.session import transaction
from app.tools.forms.trying import TryForm, try_form
from app.tools.repo.tools import ToolFacts
from app.tools.services.calling import CallFailed, Ready, Sent, ready, send
from app.tools.services.schemas import argument_faults
from app.tools.services.shown import shown_request
from app.tools.services.tools import found_tool
from app.tools.services.trying import tool_target
from app.tools.views.mcp_trying import ask_call, end_call, show_call
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org
from app.web.render import render

bp = Blueprint("tools_trying", __name__, url_prefix="/o/<org>/tools/<uuid:tool_id>/try")


@bp.get("")
@org_right("tools.edit")
def show(org: str, tool_id: UUID) -> Response:
    """An empty form; of an MCP tool with the call that `?call=` names."""
    tool = _found(tool_id)
    if tool.kind == "mcp":
        return show_call(tool_target(tool))
    return _page(tool, try_form(tool.input_schema))


@bp.post("")
@org_right("tools.edit")
def send_call(org: str, tool_id: UUID) -> Response:
    """Make the call, holding no connection to the database meanwhile, and show what came of it."""
    tool = _found(tool_id)
    if tool.kind == "mcp":
        return ask_call(tool_target(tool))
    form = try_form(tool.input_schema)
    arguments = form.read() if form.validate() else None
    faults = argument_faults(tool.input_schema, arguments) if arguments is not None else []
    if faults:
        form.arguments.errors = [f"The arguments do not fit: {'; '.join(faults)}."]
    if arguments is None or faults:
        return _page(tool, form, 422)
    try:
        with transaction():
            prepared = ready(tool.org_id, tool_id)
    except CallFailed as failed:
        raise Refusal(409, str(failed)) from failed
    sent = send(prepared, arguments, uuid7().hex)
    return _page(tool, form, sent=sent, prepared=prepared)


@bp.post("/stop")
@org_right("tools.edit")
def stop(org: str, tool_id: UUID) -> Response:
    """Stop the call of an MCP tool that `?call=` names."""
    tool = _found(tool_id)
    if tool.kind != "mcp":
        raise NotFound
    return end_call(tool_target(tool))


def _found(tool_id: UUID) -> ToolFacts:
    tool = found_tool(require_org().org_id, tool_id)
    if tool.kind == "builtin":
        raise NotFound
    return tool


def _page(
    tool: ToolFacts,
    form: TryForm,
    status: int = 200,
    sent: Sent | None = None,
    prepared: Ready | None = None,
) -> Response:
    asked = shown_request(sent, prepared) if sent and prepared else ""
    return render("tools/try.html", "form", status, tool=tool, form=form, sent=sent, asked=asked)
