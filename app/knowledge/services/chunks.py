"""What people do to single passages."""

from hashlib import sha256
from uuid import UUID

from app.audit.services import record
from app.connections.services.changed import Stale
from app.knowledge.repo.chunks import ChunksRepo
from app.knowledge.services.bases import editable_base
from app.web.errors import NotFound


def change_chunk(org_id: UUID, base_id: UUID, chunk_id: UUID, *, enabled: bool) -> None:
    """Let searches find a passage, or not. Raises NotFound, and Refusal 409 in an archived base."""
    base = editable_base(org_id, base_id)
    chunk = ChunksRepo().get(org_id, base_id, chunk_id)
    if chunk is None:
        raise NotFound
    if chunk.enabled == enabled:
        return
    ChunksRepo().change(org_id, chunk_id, {"enabled": enabled})
    verb = "enable" if enabled else "disable"
    words = f"{base.name}, passage {chunk.position + 1}"
    record(
        f"knowledge_chunk.{verb}",
        "knowledge_chunk",
        chunk_id,
        words,
        before={"enabled": chunk.enabled},
        after={"enabled": enabled},
    )


def note_mark(note: str | None) -> str:
    """What tells whether a note was changed."""
    return sha256((note or "").encode()).hexdigest()


def annotate_chunk(org_id: UUID, base_id: UUID, chunk_id: UUID, seen: str, note: str | None) -> None:
    """Write a note on a passage whose note bore the mark `seen`, or take it off.

    Raises NotFound, Stale, and Refusal 409 in an archived base.
    """
    base = editable_base(org_id, base_id)
    chunk = ChunksRepo().get(org_id, base_id, chunk_id)
    if chunk is None:
        raise NotFound
    if (chunk.note or "") == (note or ""):
        return
    if note_mark(chunk.note) != seen:
        raise Stale("note")
    ChunksRepo().change(org_id, chunk_id, {"note": note})
    record(
        "knowledge_chunk.annotate",
        "knowledge_chunk",
        chunk_id,
        f"{base.name}, passage {chunk.position + 1}",
        before={"note": chunk.note},
        after={"note": note},
    )
