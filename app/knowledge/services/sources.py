"""Sources of knowledge bases: added, edited, disabled and deleted, each with its audit row.

What is added or edited is searched once a worker has ingested it; its task is `task_id`. With `queued=False` there is
no task, and the caller ingests it. Disabling and deleting act at
once, in every generation. All of it raises NotFound for a base or source that is not the organisation's, and Refusal
409 in an archived base.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import IO, Any, Literal
from uuid import UUID

import orjson

from app.audit.services import record
from app.connections.services.changed import Stale
from app.db.blobs import store_blob
from app.db.queue import cancel_tasks
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.sources import Source, SourcesRepo
from app.knowledge.services.bases import editable_base
from app.knowledge.services.queueing import queue_source
from app.web.errors import NotFound, Refusal

Kind = Literal["file", "text", "table", "web", "page"]
MOST_FILE_BYTES = 50 * 1024 * 1024
MOST_TEXT_LENGTH = 1_000_000
MOST_TABLE_ROWS = 50_000


def add_text(org_id: UUID, base_id: UUID, title: str, body: str, *, queued: bool = True) -> UUID:
    """Add a text in Markdown; its id."""
    base = editable_base(org_id, base_id)
    values = {"title": title, "body": body, "input_hash": text_hash(title, body)}
    return add_source(base, "text", values, {"characters": len(body)}, queued=queued)


def edit_text(
    org_id: UUID, base_id: UUID, source_id: UUID, title: str, body: str, seen: str | None = None
) -> None:
    """Replace title and body of a text; searches find the old one until the new one is ingested.

    `seen` is the hash of what was edited, in hexadecimal digits: Stale if it is another one by now. Without it
    whatever is there is replaced.
    """
    base, source = _source(org_id, base_id, "text", source_id)
    digest = text_hash(title, body)
    if digest == source.input_hash:
        return
    if seen is not None and seen != source.input_hash.hex():
        raise Stale("text")
    before = name_of(source)
    SourcesRepo().change(org_id, "text", source_id, {"title": title, "body": body, "input_hash": digest})
    queue_again(base, "text", source_id)
    _record("change", "text", source_id, title, {"name": before}, {"name": title, "characters": len(body)})


def add_file(
    org_id: UUID, base_id: UUID, name: str, file: IO[bytes], media_type: str, *, queued: bool = True
) -> UUID:
    """Add a file, read from its beginning; its id. `media_type` is what its content says it is."""
    base = editable_base(org_id, base_id)
    values = _stored(org_id, name, file, media_type)
    return add_source(base, "file", values, {"media_type": media_type}, queued=queued)


def edit_file(
    org_id: UUID, base_id: UUID, source_id: UUID, file: IO[bytes], media_type: str, *, queued: bool = True
) -> None:
    """Replace the content of a file; searches find the old one until the new one is ingested."""
    base, source = _source(org_id, base_id, "file", source_id)
    name, former = name_of(source), getattr(source, "blob_id", None)
    values = _stored(org_id, name, file, media_type)
    if values["input_hash"] == source.input_hash:
        return
    SourcesRepo().change(org_id, "file", source_id, values)
    if former:
        SourcesRepo().remove_unused(org_id, former)
    queue_again(base, "file", source_id, queued=queued)
    _record("change", "file", source_id, name, None, {"byte_size": values["byte_size"]})


def add_table(org_id: UUID, base_id: UUID, name: str, file: IO[bytes], media_type: str) -> UUID:
    """Add a table whose rows a worker reads from a CSV or XLSX file, its first row being the header; its id."""
    base = editable_base(org_id, base_id)
    values = _stored(org_id, name, file, media_type)
    values.pop("byte_size")
    return add_source(base, "table", values, {"media_type": media_type})


def add_rows(
    org_id: UUID,
    base_id: UUID,
    name: str,
    columns: Sequence[Mapping[str, str]],
    rows: Sequence[Sequence[str]],
) -> UUID:
    """Add a table that was typed: `columns` with a `name` and a `type` each, `rows` with a cell per column; its id."""
    base = editable_base(org_id, base_id)
    values = {
        "name": name,
        "columns": [dict(column) for column in columns],
        "row_count": len(rows),
        "input_hash": rows_hash(name, columns, rows),
    }
    source_id = add_source(base, "table", values, {"rows": len(rows)})
    SourcesRepo().put_rows(org_id, source_id, rows)
    return source_id


def set_enabled(org_id: UUID, base_id: UUID, kind: Kind, source_id: UUID, *, enabled: bool) -> None:
    """Let searches find a source, or not."""
    _base, source = _source(org_id, base_id, kind, source_id)
    if source.enabled == enabled:
        return
    SourcesRepo().set_enabled(org_id, kind, source_id, enabled=enabled)
    verb = "enable" if enabled else "disable"
    _record(verb, kind, source_id, name_of(source), {"enabled": source.enabled}, {"enabled": enabled})


def delete_source(org_id: UUID, base_id: UUID, kind: Kind, source_id: UUID) -> str:
    """Delete a source for good with its passages and vectors; its name."""
    if kind == "page":
        raise Refusal(409, "A page is fetched again with its address: delete that, or disable the page.")
    _base, source = _source(org_id, base_id, kind, source_id)
    name, blob_id = name_of(source), getattr(source, "blob_id", None)
    SourcesRepo().remove(org_id, kind, source_id)
    KnowledgeBasesRepo().count(org_id, base_id, sources=-1)
    if blob_id:
        SourcesRepo().remove_unused(org_id, blob_id)
    _record("delete", kind, source_id, name, {"kind": kind, "chunks": source.chunk_count}, None)
    return name


def retry_source(org_id: UUID, base_id: UUID, kind: Kind, source_id: UUID) -> None:
    """Ingest a source again. Raises Refusal 409 while a worker is at it."""
    base, source = _source(org_id, base_id, kind, source_id)
    row = SourcesRepo().row(org_id, base_id, source_id)
    assert row is not None
    if row.status not in {"ready", "failed"} and row.task_id is not None:
        raise Refusal(409, f"“{row.name}” is still being worked on.")
    SourcesRepo().change(org_id, kind, source_id, {"content_hash": None})
    queue_again(base, kind, source_id)
    _record("retry", kind, source_id, name_of(source), {"status": row.status}, {"status": "queued"})


def cancel_source(org_id: UUID, base_id: UUID, kind: Kind, source_id: UUID) -> None:
    """End the task that works on a source; what searches find of it stays. Raises Refusal 409 if there is none."""
    _base, source = _source(org_id, base_id, kind, source_id)
    row = SourcesRepo().row(org_id, base_id, source_id)
    if row is None or row.task_id is None or row.status in {"ready", "failed"}:
        raise Refusal(409, f"“{name_of(source)}” is not being worked on.")
    cancel_tasks(org_id, [row.task_id])
    _record("cancel", kind, source_id, name_of(source), {"status": row.status}, None)


def name_of(source: Source) -> str:
    """What people call a source."""
    names = (getattr(source, attribute, None) for attribute in ("name", "title", "url"))
    return str(next(filter(None, names), ""))


def text_hash(title: str, body: str) -> bytes:
    """What tells whether a text changed."""
    return hashlib.sha256(orjson.dumps([title, body])).digest()


def rows_hash(name: str, columns: Sequence[Mapping[str, str]], rows: Sequence[Sequence[str]]) -> bytes:
    """What tells whether a typed table changed."""
    given = [name, [dict(column) for column in columns], [list(row) for row in rows]]
    return hashlib.sha256(orjson.dumps(given)).digest()


def _stored(org_id: UUID, name: str, file: IO[bytes], media_type: str) -> dict[str, Any]:
    """Keep a file; the values of its source."""
    blob_id = store_blob(org_id, file, media_type)
    sha256, size = SourcesRepo().digest(org_id, blob_id)
    digest = hashlib.sha256(sha256 + orjson.dumps([name, media_type])).digest()
    return {
        "name": name,
        "blob_id": blob_id,
        "media_type": media_type,
        "byte_size": size,
        "input_hash": digest,
    }


def add_source(
    base: KnowledgeBase, kind: Kind, values: Mapping[str, Any], after: dict[str, Any], *, queued: bool = True
) -> UUID:
    """Store a source of a held base and have a worker process it; its id. `after` is what the audit keeps."""
    source = SourcesRepo().add(base.org_id, kind, {"knowledge_base_id": base.id, **values})
    KnowledgeBasesRepo().count(base.org_id, base.id, sources=1)
    queue_again(base, kind, source.id, queued=queued)
    _record("add", kind, source.id, name_of(source), None, {"base": base.name, "kind": kind, **after})
    return source.id


def queue_again(base: KnowledgeBase, kind: Kind, source_id: UUID, *, queued: bool = True) -> None:
    """Have a worker process a source of a held base."""
    task_id = queue_source(base.id, kind, source_id) if queued else None
    values = {"status": "queued", "error": None, "progress": 0, "task_id": task_id}
    SourcesRepo().change(base.org_id, kind, source_id, values)


def _source(org_id: UUID, base_id: UUID, kind: Kind, source_id: UUID) -> tuple[KnowledgeBase, Source]:
    base = editable_base(org_id, base_id)
    source = SourcesRepo().get(org_id, kind, source_id)
    if source is None or source.knowledge_base_id != base_id:
        raise NotFound
    return base, source


def _record(
    verb: str,
    kind: Kind,
    source_id: UUID,
    name: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    record(f"knowledge_source.{verb}", f"knowledge_{kind}", source_id, name, before=before, after=after)
