"""Trying what an MCP server names, before it is a tool of the organisation; `?tool=` says which."""

from uuid import UUID

from flask import Blueprint, Response, request

from app.tools.services.trying import Target, server_target
from app.tools.views.mcp_trying import ask_call, end_call, show_call
from app.web.access import org_right
from app.web.identity import require_org

bp = Blueprint("tools_server_trying", __name__, url_prefix="/o/<org>/tools/servers/<uuid:server_id>/try")


@bp.get("")
@org_right("tools.edit")
def show(org: str, server_id: UUID) -> Response:
    """The form, and the call that `?call=` names."""
    return show_call(_target(server_id))


@bp.post("")
@org_right("tools.edit")
def send_call(org: str, server_id: UUID) -> Response:
    """Have a worker make the call."""
    return ask_call(_target(server_id))


@bp.post("/stop")
@org_right("tools.edit")
def stop(org: str, server_id: UUID) -> Response:
    """Stop the call that `?call=` names."""
    return end_call(_target(server_id))


def _target(server_id: UUID) -> Target:
    return server_target(require_org().org_id, server_id, request.args.get("tool", ""))
