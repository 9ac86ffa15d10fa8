"""The sources of a knowledge base, one source with its passages, and what people do to them."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.connections.services.changed import Stale
from app.db.session import transaction
from app.knowledge.forms import CHUNK_LIST, SOURCE_LIST, TextForm
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.chunks import ChunksRepo
from app.knowledge.repo.sources import SourceRow, SourcesRepo
from app.knowledge.services.chunks import change_chunk
from app.knowledge.services.live import LiveSources
from app.knowledge.services.many import ACTS, DONE, change_sources
from app.knowledge.services.sources import edit_text
from app.knowledge.views.bases import found_base
from app.knowledge.views.web import found_source, show_web
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.matching import list_url
from app.web.render import leave, refresh, render, toast, wants_fragment
from app.web.selection import Question, ask_first, listed_ids, report, ticked

bp = Blueprint("knowledge_sources", __name__, url_prefix="/o/<org>/knowledge/<uuid:base_id>/sources")
GONE = "No search finds them any more, in no generation. This cannot be undone; disabling hides them for a while."


@bp.get("")
@org_right("knowledge.view")
def index(org: str, base_id: UUID) -> Response:
    """The sources that match the address; a pasted id leads to its source."""
    base, repo = found_base(base_id), SourcesRepo()
    state = read_list(SOURCE_LIST, viewer_zone().key)
    jump = pasted_id("src", state.q)
    if jump and repo.some(base.org_id, base_id, [jump]):
        return leave(url_for(".show", org=org, base_id=base_id, source_id=jump))
    page = repo.page(base.org_id, base_id, state)
    live = LiveSources.of(page.rows, state.columns)
    return show_list("knowledge/sources.html", state, page, base=base, live=live)


@bp.get("/status")
@org_right("knowledge.view")
def status(org: str, base_id: UUID) -> Response:
    """The changing cells of these rows of the list, out of band; without htmx the list itself."""
    base, ids = found_base(base_id), listed_ids(request.args.get("ids", ""))
    if not wants_fragment():
        return refresh(url_for(".index", org=org, base_id=base_id))
    rows = SourcesRepo().some(base.org_id, base_id, ids)
    live = LiveSources.of(rows, request.args.get("cols", "").split(","))
    return render("knowledge/live_rows.html", "live_rows", base=base, live=live, rows=rows)


@bp.post("/bulk")
@org_right("knowledge.edit")
def change_many(org: str, base_id: UUID) -> Response:
    """Enable, disable, process again or delete the ticked sources."""
    base, act = found_base(base_id), request.form.get("act", "")
    if act not in ACTS:
        raise Refusal(422, "Choose what to do with the sources: enable, disable, process again or delete.")
    ids = ticked("source")
    path = url_for(".index", org=org, base_id=base_id)
    if act == "delete" and (page := ask_first(Question("Delete", len(ids), "source", GONE, list_url(path)))):
        return page
    with transaction():
        outcome = change_sources(base.org_id, base_id, ids, act)
    report(outcome, DONE[act], path)
    return refresh(list_url(path))


@bp.get("/<uuid:source_id>")
@org_right("knowledge.view")
def show(org: str, base_id: UUID, source_id: UUID) -> Response:
    """One source: how far it is, and its passages."""
    opened = found_source(base_id, source_id)
    if opened.web is not None:
        return show_web(opened.base, opened.row, opened.web)
    state = read_list(CHUNK_LIST, viewer_zone().key)
    page = ChunksRepo().page(opened.base.org_id, opened.row.kind, source_id, state)
    return show_list("knowledge/source.html", state, page, base=opened.base, source=opened.row)


@bp.get("/<uuid:source_id>/chunks/<uuid:chunk_id>")
@org_right("knowledge.view")
def passage(org: str, base_id: UUID, source_id: UUID, chunk_id: UUID) -> Response:
    """One passage between those before and after it, of whatever generation it is."""
    base, row = _source(base_id, source_id)
    chunk = ChunksRepo().get(base.org_id, base_id, chunk_id)
    if chunk is None or chunk.source_id != source_id:
        raise NotFound
    around = ChunksRepo().around(base.org_id, chunk)
    return render("knowledge/passage.html", base=base, source=row, chunk=chunk, around=around)


@bp.post("/<uuid:source_id>/<any(enable,disable,retry,cancel,delete):act>")
@org_right("knowledge.edit")
def change_one(org: str, base_id: UUID, source_id: UUID, act: str) -> Response:
    """Enable, disable, process again, cancel or delete one source; deleting leads back to the list."""
    path = url_for(".index", org=org, base_id=base_id)
    _source(base_id, source_id)
    with transaction():
        outcome = change_sources(require_org().org_id, base_id, [source_id], act)
    report(outcome, DONE[act], path)
    return leave(path if act == "delete" else url_for(".show", org=org, base_id=base_id, source_id=source_id))


@bp.get("/<uuid:source_id>/delete")
@org_right("knowledge.edit")
def confirm_delete(org: str, base_id: UUID, source_id: UUID) -> Response:
    """Say what goes."""
    base, row = _source(base_id, source_id)
    return render("knowledge/delete_source.html", base=base, source=row)


@bp.get("/<uuid:source_id>/edit")
@org_right("knowledge.edit")
def edit(org: str, base_id: UUID, source_id: UUID) -> Response:
    """The form with the text as it is stored."""
    base, text = _text(base_id, source_id)
    return _form(TextForm(obj=text, lock_version=text.input_hash.hex()), base, text)


@bp.post("/<uuid:source_id>/edit")
@org_right("knowledge.edit")
def update(org: str, base_id: UUID, source_id: UUID) -> Response:
    """Save a text; searches find the old one until the new one is processed."""
    form, (base, text) = TextForm(), _text(base_id, source_id)
    if not form.validate():
        return _form(form, base, text, 422)
    title, body, seen = form.title.data or "", form.body.data or "", form.lock_version.data or ""
    try:
        with transaction():
            edit_text(base.org_id, base_id, source_id, title, body, seen)
    except Stale:
        overtaken(form, "text", text.input_hash.hex())
        return _form(form, base, text, 409)
    toast("Text saved.")
    return leave(url_for(".show", org=org, base_id=base_id, source_id=source_id))


@bp.post("/<uuid:source_id>/chunks/<uuid:chunk_id>/<any(enable,disable):act>")
@org_right("knowledge.edit")
def switch_chunk(org: str, base_id: UUID, source_id: UUID, chunk_id: UUID, act: str) -> Response:
    """Let searches find a passage, or not."""
    with transaction():
        change_chunk(require_org().org_id, base_id, chunk_id, enabled=act == "enable")
    toast(f"Passage {act}d.")
    path = url_for(".show", org=org, base_id=base_id, source_id=source_id)
    return leave(list_url(path))


def _source(base_id: UUID, source_id: UUID) -> tuple[KnowledgeBase, SourceRow]:
    opened = found_source(base_id, source_id)
    return opened.base, opened.row


def _text(base_id: UUID, source_id: UUID) -> tuple[KnowledgeBase, Any]:
    base = found_base(base_id)
    text = SourcesRepo().get(base.org_id, "text", source_id)
    if text is None or text.knowledge_base_id != base_id:
        raise NotFound
    return base, text


def _form(form: TextForm, base: KnowledgeBase, text: Any, status: int = 200) -> Response:
    return render("knowledge/edit_text.html", "form", status, form=form, base=base, text=text)
