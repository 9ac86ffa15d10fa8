"""Adding several tools at once: operations of an OpenAPI document, and tools of MCP servers."""

from flask import Blueprint, Response, request, url_for

from app.connections.repo.credentials import CredentialsRepo
from app.connections.services.connections import KeyChoice
from app.db.session import transaction
from app.tools.forms.many import DocumentForm, ServersForm
from app.tools.forms.single import APPROVAL_HINTS
from app.tools.repo.offered import offered_tools
from app.tools.services.tools import create_tools
from app.tools.views.editing import may_open
from app.web.access import org_right, takes_file
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.render import leave, render, toast

bp = Blueprint("tools_adding", __name__, url_prefix="/o/<org>/tools")
MOST_BODY_BYTES = 4 * 1024 * 1024


@bp.get("/import")
@org_right("tools.edit")
def document(org: str) -> Response:
    """Ask for an OpenAPI document."""
    return _document_page(_document_form())


@bp.post("/import")
@takes_file(MOST_BODY_BYTES)
@org_right("tools.edit")
def import_document(org: str) -> Response:
    """Show the operations of a document, or make tools of those that were chosen."""
    form, org_id = _document_form(), require_org().org_id
    if not form.read():
        return _document_page(form, 422)
    if request.form.get("act") != "create":
        return _document_page(form)
    if not form.validate():
        return _document_page(form, 422)

    def stored() -> str:
        made = create_tools(org_id, form.values(), KeyChoice(credential_id=form.key()))
        toast(f"{len(made)} {'tool' if len(made) == 1 else 'tools'} created.")
        return url_for("tools.index", org=org)

    with transaction():
        location = once(stored)
    return leave(location)


@bp.get("/mcp")
@org_right("tools.edit")
def servers(org: str) -> Response:
    """The tools that MCP servers named."""
    return _servers_page(_servers_form())


@bp.post("/mcp")
@org_right("tools.edit")
def add_servers(org: str) -> Response:
    """Add the chosen tools of MCP servers."""
    form, org_id = _servers_form(), require_org().org_id
    if not form.validate():
        return _servers_page(form, 422)

    def stored() -> str:
        made = create_tools(org_id, form.values())
        toast(f"{len(made)} {'tool' if len(made) == 1 else 'tools'} added.")
        return url_for("tools.index", org=org)

    with transaction():
        location = once(stored)
    return leave(location)


def _document_form() -> DocumentForm:
    form = DocumentForm()
    form.offer_keys(CredentialsRepo().choices(require_org().org_id, "tool") if may_open() else ())
    return form


def _document_page(form: DocumentForm, status: int = 200) -> Response:
    return render("tools/document.html", "form", status, form=form, may_open=may_open(), hints=APPROVAL_HINTS)


def _servers_form() -> ServersForm:
    form = ServersForm()
    form.offer(offered_tools(require_org().org_id))
    return form


def _servers_page(form: ServersForm, status: int = 200) -> Response:
    return render("tools/servers.html", "form", status, form=form, hints=APPROVAL_HINTS)
