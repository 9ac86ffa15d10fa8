"""What the pages that try MCP tools have in common: the form, the call that was asked for, and its answer."""

from typing import Any
from uuid import UUID

from flask import Response, request, url_for

from app.db.session import transaction
from app.tools.forms.trying import TryForm, try_form
from app.tools.services.calling import CallFailed
from app.tools.services.schemas import argument_faults
from app.tools.services.trying import Call, Target, begin_call, found_call, stop_call
from app.web.errors import NotFound
from app.web.idempotency import once
from app.web.identity import require_visitor
from app.web.render import leave, render

ANCHOR = "call_state"


def show_call(target: Target) -> Response:
    """The form, and the call that the address names, with its arguments filled in; for htmx only the call."""
    call = found_call(target, require_visitor().id, _call_id()) if "call" in request.args else None
    form = try_form(target.schema, call.arguments if call else None)
    return _page(target, form, call, block=ANCHOR)


def ask_call(target: Target) -> Response:
    """Have a worker make the call, once for each form."""
    form = try_form(target.schema)
    arguments = form.read() if form.validate() else None
    faults = argument_faults(target.schema, arguments) if arguments is not None and not target.fault else []
    if faults:
        form.arguments.errors = [f"The arguments do not fit: {'; '.join(faults)}."]
    if arguments is None or faults:
        return _page(target, form, None, 422)

    def begun() -> str:
        return place(target, call=begin_call(target, arguments), _anchor=ANCHOR)

    try:
        with transaction():
            location = once(begun)
    except CallFailed as failed:
        form.form_errors = [str(failed)]
        return _page(target, form, None, 409)
    return leave(location)


def end_call(target: Target) -> Response:
    """Stop a call, and show what became of it."""
    task_id = _call_id()
    with transaction():
        stop_call(target, require_visitor().id, task_id)
    return leave(place(target, call=task_id, _anchor=ANCHOR))


def place(target: Target, act: str = "show", **values: Any) -> str:
    """An address of the page that tries this tool."""
    org = request.view_args["org"] if request.view_args else ""
    if target.tool_id:
        return url_for(f"tools_trying.{act}", org=org, tool_id=target.tool_id, **values)
    return url_for(
        f"tools_server_trying.{act}", org=org, server_id=target.server_id, tool=target.name, **values
    )


def _call_id() -> UUID:
    try:
        return UUID(request.args.get("call", ""))
    except ValueError as error:
        raise NotFound from error


def _page(
    target: Target, form: TryForm, call: Call | None, status: int = 200, block: str | None = "form"
) -> Response:
    return render("tools/try_mcp.html", block, status, target=target, form=form, call=call, place=place)
