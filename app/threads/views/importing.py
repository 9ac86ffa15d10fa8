"""Importing an export of another product: the form, and what became of a file."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.agents.repo.agents import AgentRepo
from app.db.session import transaction
from app.threads.forms import ImportForm
from app.threads.repo.imports import ImportRepo
from app.threads.services.uploads import IMPORT, begin_import
from app.web.access import org_right, takes_file
from app.web.errors import NotFound
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.render import leave, render

bp = Blueprint("thread_imports", __name__, url_prefix="/o/<org>/threads")
MOST_BYTES = 250_000_000
AGENTS_OFFERED = 200
IMPORTS_SHOWN = 10


@bp.get("/import")
@org_right("threads.edit")
def new(org: str) -> Response:
    """Ask for the file, and show the latest imports."""
    return _page(ImportForm())


@bp.post("/import")
@takes_file(MOST_BYTES)
@org_right("threads.edit")
def create(org: str) -> Response:
    """Keep the file and let a worker import it."""
    form, org_id = ImportForm(), require_org().org_id
    form.offer_agents(AgentRepo().named(org_id, [], AGENTS_OFFERED))
    if not form.validate():
        return _page(form, 422)

    def begun() -> str:
        task_id = begin_import(org_id, form.file.data.stream, form.upload())
        return url_for(".show", org=org, import_id=task_id)

    with transaction():
        location = once(begun)
    return leave(location)


@bp.get("/imports/<uuid:import_id>")
@org_right("threads.edit")
def show(org: str, import_id: UUID) -> Response:
    """How far an import is, or what came of it."""
    task = ImportRepo().task(require_org().org_id, IMPORT.name, import_id)
    if task is None:
        raise NotFound
    return render("threads/imported.html", "import_state", task=task)


def _page(form: ImportForm, status: int = 200) -> Response:
    org_id = require_org().org_id
    form.offer_agents(AgentRepo().named(org_id, [], AGENTS_OFFERED))
    latest = ImportRepo().tasks(org_id, IMPORT.name, IMPORTS_SHOWN)
    return render("threads/import.html", None, status, form=form, latest=latest, most_bytes=MOST_BYTES)
