"""Adding sources to a knowledge base: files, texts, tables and web addresses."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.knowledge.forms import FilesForm, TableForm, TextForm
from app.knowledge.services.sources import MOST_FILE_BYTES, add_file, add_rows, add_table, add_text
from app.knowledge.services.web import AddressTaken, add_web
from app.knowledge.views.bases import found_base
from app.knowledge.web_forms import WebForm
from app.web.access import org_right, takes_file
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.render import leave, render, toast
from app.web.selection import Outcome, Skipped, report

bp = Blueprint("knowledge_adding", __name__, url_prefix="/o/<org>/knowledge/<uuid:base_id>/sources/new")
ADDRESS_TAKEN = "This knowledge base has a source with this address."
MOST_BODY_BYTES = 200 * 1024 * 1024


@bp.get("/text")
@org_right("knowledge.edit")
def new_text(org: str, base_id: UUID) -> Response:
    """An empty text."""
    return _page("text", TextForm(), base_id)


@bp.post("/text")
@org_right("knowledge.edit")
def create_text(org: str, base_id: UUID) -> Response:
    """Store a text and let a worker process it."""
    form, org_id = TextForm(), require_org().org_id
    if not form.validate():
        return _page("text", form, base_id, 422)

    def stored() -> str:
        source_id = add_text(org_id, base_id, form.title.data or "", form.body.data or "")
        return url_for("knowledge_sources.show", org=org, base_id=base_id, source_id=source_id)

    with transaction():
        location = once(stored)
    toast("Text added.")
    return leave(location)


@bp.get("/file")
@org_right("knowledge.edit")
def new_file(org: str, base_id: UUID) -> Response:
    """Ask for files."""
    return _page("file", FilesForm(), base_id)


@bp.post("/file")
@takes_file(MOST_BODY_BYTES)
@org_right("knowledge.edit")
def create_file(org: str, base_id: UUID) -> Response:
    """Keep the files that can be read and let a worker process them; the list of sources names the others."""
    form, org_id = FilesForm(), require_org().org_id
    if not form.validate():
        return _page("file", form, base_id, 422)

    def stored() -> str:
        for stream, name, media_type in form.accepted:
            add_file(org_id, base_id, name, stream, media_type)
        return url_for("knowledge_sources.index", org=org, base_id=base_id)

    with transaction():
        location = once(stored)
    outcome = Outcome(len(form.accepted), [Skipped(None, *file) for file in form.refused])
    report(outcome, f"file{'' if outcome.changed == 1 else 's'} added", location)
    return leave(location)


@bp.get("/table")
@org_right("knowledge.edit")
def new_table(org: str, base_id: UUID) -> Response:
    """Ask for a table."""
    return _page("table", TableForm(), base_id)


@bp.post("/table")
@takes_file(MOST_BODY_BYTES)
@org_right("knowledge.edit")
def create_table(org: str, base_id: UUID) -> Response:
    """Keep a table, each row of which is found by itself."""
    form, org_id = TableForm(), require_org().org_id
    if not form.validate():
        return _page("table", form, base_id, 422)

    def stored() -> str:
        name = form.name.data or ""
        if form.upload:
            source_id = add_table(org_id, base_id, name, *form.upload)
        else:
            source_id = add_rows(org_id, base_id, name, form.columns(), form.cells[1:])
        return url_for("knowledge_sources.show", org=org, base_id=base_id, source_id=source_id)

    with transaction():
        location = once(stored)
    toast("Table added.")
    return leave(location)


@bp.get("/web")
@org_right("knowledge.edit")
def new_web(org: str, base_id: UUID) -> Response:
    """Ask for an address."""
    return _page("web", WebForm(), base_id)


@bp.post("/web")
@org_right("knowledge.edit")
def create_web(org: str, base_id: UUID) -> Response:
    """Store an address and let a worker fetch its pages."""
    form, org_id = WebForm(), require_org().org_id
    if not form.validate():
        return _page("web", form, base_id, 422)

    def stored() -> str:
        source_id = add_web(org_id, base_id, form.url.data or "", form.values())
        return url_for("knowledge_sources.show", org=org, base_id=base_id, source_id=source_id)

    try:
        with transaction():
            location = once(stored)
    except AddressTaken:
        form.url.errors = [ADDRESS_TAKEN]
        return _page("web", form, base_id, 422)
    toast("Web address added.")
    return leave(location)


def _page(
    kind: str, form: TextForm | FilesForm | TableForm | WebForm, base_id: UUID, status: int = 200
) -> Response:
    base = found_base(base_id)
    return render(
        f"knowledge/new_{kind}.html", "form", status, form=form, base=base, most_bytes=MOST_FILE_BYTES
    )
