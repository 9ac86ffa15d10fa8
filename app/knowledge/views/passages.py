"""What people write on passages, and the passages that other sizes would make."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.connections.services.changed import Stale
from app.db.session import transaction
from app.knowledge.forms import ChunkingForm, NoteForm
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.chunks import ChunkRow, ChunksRepo
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.chunks import annotate_chunk, note_mark
from app.knowledge.views.bases import found_base
from app.late import load
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.fields import overtaken
from app.web.render import leave, render, toast

CUT = ("file", "text", "page")
"""The kinds of sources that are cut by size."""
bp = Blueprint("knowledge_passages", __name__, url_prefix="/o/<org>/knowledge/<uuid:base_id>")


@bp.get("/sources/<uuid:source_id>/chunks/<uuid:chunk_id>/note")
@org_right("knowledge.edit")
def edit_note(org: str, base_id: UUID, source_id: UUID, chunk_id: UUID) -> Response:
    """The form with the note of a passage."""
    base, chunk = _chunk(base_id, source_id, chunk_id)
    return _form(NoteForm(note=chunk.note, lock_version=note_mark(chunk.note)), base, chunk)


@bp.post("/sources/<uuid:source_id>/chunks/<uuid:chunk_id>/note")
@org_right("knowledge.edit")
def update_note(org: str, base_id: UUID, source_id: UUID, chunk_id: UUID) -> Response:
    """Save the note; empty for none."""
    form, (base, chunk) = NoteForm(), _chunk(base_id, source_id, chunk_id)
    if not form.validate():
        return _form(form, base, chunk, 422)
    try:
        with transaction():
            annotate_chunk(base.org_id, base_id, chunk_id, form.lock_version.data or "", form.note.data)
    except Stale:
        _, chunk = _chunk(base_id, source_id, chunk_id)
        overtaken(form, "note", note_mark(chunk.note))
        return _form(form, base, chunk, 409)
    toast("Note saved.")
    return leave(
        url_for("knowledge_sources.passage", org=org, base_id=base_id, source_id=source_id, chunk_id=chunk_id)
    )


@bp.get("/preview")
@org_right("knowledge.view")
def preview(org: str, base_id: UUID) -> Response:
    """The passages that a source would make at the sizes in the address; nothing is stored."""
    base, form = found_base(base_id), ChunkingForm(request.args)
    for name in ("size", "overlap"):
        if not form[name].raw_data:
            form[name].data, form[name].raw_data = base.chunking[name], [str(base.chunking[name])]
    sources = SourcesRepo().offered(base.org_id, base_id, CUT)
    asked = request.args.get("source", "")
    chosen = next((entry for entry in sources if str(entry.id) == asked), None)
    if asked and chosen is None:
        raise NotFound
    if not form.validate():
        return _preview(base, form, sources, chosen, status=422)
    preview_of = load("app.knowledge.services.previewing:preview")
    chunking = {"size": form.size.data, "overlap": form.overlap.data}
    made = preview_of(base.org_id, chosen.kind, chosen.id, chunking) if chosen else None
    return _preview(base, form, sources, chosen, made=made)


def _chunk(base_id: UUID, source_id: UUID, chunk_id: UUID) -> tuple[KnowledgeBase, ChunkRow]:
    base = found_base(base_id)
    chunk = ChunksRepo().get(base.org_id, base_id, chunk_id)
    if chunk is None or chunk.source_id != source_id:
        raise NotFound
    return base, chunk


def _form(form: NoteForm, base: KnowledgeBase, chunk: ChunkRow, status: int = 200) -> Response:
    return render("knowledge/edit_note.html", "form", status, form=form, base=base, chunk=chunk)


def _preview(
    base: KnowledgeBase, form: ChunkingForm, sources: Any, chosen: Any, *, made: Any = None, status: int = 200
) -> Response:
    values = {"base": base, "form": form, "sources": sources, "chosen": chosen, "made": made}
    return render("knowledge/preview.html", status=status, **values)
