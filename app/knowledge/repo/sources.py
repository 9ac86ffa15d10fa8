"""Sources of knowledge bases. A source is named by its kind (SOURCES) and its id; a page of an address is one, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    Table,
    Text,
    Uuid,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from app.db import terms
from app.db.base import db
from app.db.blobs import remove_blobs, unused
from app.db.cursor import Order, Page, paginate
from app.db.tables import ENDED, Blob, Task
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import (
    ALL,
    SOURCES,
    UNITS,
    FreeformText,
    KnowledgeFile,
    KnowledgeTable,
    KnowledgeTableRow,
    WebPage,
    WebUrl,
)
from app.web.conditions import within
from app.web.listing import ListState

Source = KnowledgeFile | FreeformText | KnowledgeTable | WebUrl | WebPage
CHUNK_KEYS: Mapping[str, ColumnElement[Any]] = {
    "file": Chunk.file_id,  # type: ignore[dict-item]
    "text": Chunk.freeform_text_id,  # type: ignore[dict-item]
    "table": Chunk.table_id,  # type: ignore[dict-item]
    "page": Chunk.web_page_id,  # type: ignore[dict-item]
}
"""The column of a chunk that names what it is a passage of, by the kind of that (UNITS)."""
ROWS_AT_ONCE = 1_000
LISTED = 13
OFFERED = 200
_NAMES: Mapping[str, Any] = {
    "file": KnowledgeFile.name,
    "text": FreeformText.title,
    "table": KnowledgeTable.name,
    "web": WebUrl.url,
    "page": func.coalesce(WebPage.title, WebPage.url),
}


@dataclass(frozen=True)
class SourceRow:
    """A source in a list. `status` is one of STAGES; it is failed as well once the task that worked on it ended.

    Addresses and their pages have a `url`, pages also the id of their address.
    """

    id: UUID
    kind: str
    name: str
    status: str
    error: str | None
    progress: int
    enabled: bool
    chunk_count: int
    task_id: UUID | None
    created_at: datetime
    updated_at: datetime
    url: str | None
    web_url_id: UUID | None


class SourcesRepo:
    """Sources of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, base_id: UUID, state: ListState) -> Page[SourceRow]:
        """The rows of a list page; two statements.

        Sorts: name, created, updated, chunks. Facets: `kind` (SOURCES), `status` (STAGES) and `enabled`
        (yes, no). Date: created.
        """
        rows = listed(org_id, base_id)
        sorts = {
            "name": func.lower(rows.c.name),
            "created": rows.c.created_at,
            "updated": rows.c.updated_at,
            "chunks": rows.c.chunk_count,
        }
        order = Order(sorts[state.sort_key], rows.c.id, state.descending)
        return paginate(
            self._session, _filtered(rows, state), order, state.request, lambda row: SourceRow(*row[:LISTED])
        )

    def row(self, org_id: UUID, base_id: UUID, source_id: UUID) -> SourceRow | None:
        """A source, or a page, as lists show it."""
        rows = listed(org_id, base_id, ALL)
        found = self._session.execute(select(rows).where(rows.c.id == source_id)).one_or_none()
        return SourceRow(*found[:LISTED]) if found else None

    def some(self, org_id: UUID, base_id: UUID, ids: Sequence[UUID]) -> list[SourceRow]:
        """Those of these sources and pages that the base has, as lists show them."""
        rows = listed(org_id, base_id, ALL)
        found = self._session.execute(select(rows).where(rows.c.id.in_(ids)))
        return [SourceRow(*row[:LISTED]) for row in found]

    def offered(self, org_id: UUID, base_id: UUID, kinds: Sequence[str]) -> list[SourceRow]:
        """The sources and pages of these kinds to choose one of, by name, at most OFFERED."""
        rows = listed(org_id, base_id, kinds)
        ordered = select(rows).order_by(func.lower(rows.c.name), rows.c.id).limit(OFFERED)
        return [SourceRow(*row[:LISTED]) for row in self._session.execute(ordered)]

    def get(self, org_id: UUID, kind: str, source_id: UUID) -> Source | None:
        """A source as it is stored now. KeyError for an unknown kind."""
        model: Any = ALL[kind]
        statement = select(model).where(model.org_id == org_id, model.id == source_id)
        found: Any = self._session.scalar(statement, execution_options={"populate_existing": True})
        return found  # type: ignore[no-any-return]

    def standing(self, org_id: UUID, kind: str, source_id: UUID) -> Row[Any] | None:
        """What tells how far one of UNITS is: base, status, enabled, input_hash, content_hash, built_hash.

        A page of a disabled address is disabled.
        """
        model: Any = UNITS[kind]
        enabled = model.enabled
        if kind == "page":
            mine = (WebUrl.org_id == org_id, WebUrl.id == WebPage.web_url_id)
            enabled = and_(enabled, select(WebUrl.enabled).where(*mine).scalar_subquery())
        statement = select(
            model.knowledge_base_id,
            model.status,
            enabled.label("enabled"),
            model.input_hash,
            model.content_hash,
            model.built_hash,
        ).where(model.org_id == org_id, model.id == source_id)
        found: Row[Any] | None = self._session.execute(statement).one_or_none()  # type: ignore[assignment]
        return found

    def file_named(self, org_id: UUID, base_id: UUID, name: str) -> UUID | None:
        """The oldest file of a base with this name."""
        statement = (
            select(KnowledgeFile.id)
            .where(
                KnowledgeFile.org_id == org_id,
                KnowledgeFile.knowledge_base_id == base_id,
                KnowledgeFile.name == name,
            )
            .order_by(KnowledgeFile.id)
            .limit(1)
        )
        return self._session.scalar(statement)

    def all(self, org_id: UUID, base_id: UUID) -> list[tuple[str, UUID]]:
        """Kind and id of everything in a base that has passages, the oldest first."""
        rows = listed(org_id, base_id, UNITS)
        statement = select(rows.c.kind, rows.c.id).order_by(rows.c.created_at, rows.c.id)
        return [(kind, source_id) for kind, source_id in self._session.execute(statement)]

    def add(self, org_id: UUID, kind: str, values: Mapping[str, Any]) -> Source:
        """Store a new source, or page."""
        source: Any = ALL[kind](org_id=org_id, **values)
        self._session.add(source)
        self._session.flush()
        return source  # type: ignore[no-any-return]

    def change(self, org_id: UUID, kind: str, source_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a source of a locked base."""
        model: Any = ALL[kind]
        self._session.execute(
            update(model)
            .where(model.org_id == org_id, model.id == source_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def change_all(self, org_id: UUID, base_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of every source of a locked base; expressions refer to columns by name."""
        for model in ALL.values():
            table: Any = model.__table__
            given = {
                name: table.c[value] if isinstance(value, str) else value for name, value in values.items()
            }
            self._session.execute(
                update(table)
                .where(table.c.org_id == org_id, table.c.knowledge_base_id == base_id)
                .values(given)
            )

    def count_chunks(self, org_id: UUID, base_id: UUID, counts: Mapping[UUID, int]) -> None:
        """Note how many passages each source of a base has in the live generation."""
        self.change_all(org_id, base_id, {"chunk_count": 0})
        for kind, source_id in self.all(org_id, base_id):
            if source_id in counts:
                self.change(org_id, kind, source_id, {"chunk_count": counts[source_id]})
        self.sum_pages(org_id, base_id)

    def sum_pages(self, org_id: UUID, base_id: UUID) -> None:
        """Note how many passages the pages of each address of a base have."""
        found = select(func.coalesce(func.sum(WebPage.chunk_count), 0)).where(
            WebPage.org_id == org_id, WebPage.web_url_id == WebUrl.id
        )
        self._session.execute(
            update(WebUrl)
            .where(WebUrl.org_id == org_id, WebUrl.knowledge_base_id == base_id)
            .values(chunk_count=found.correlate(WebUrl).scalar_subquery(), updated_at=WebUrl.updated_at)
            .execution_options(synchronize_session=False)
        )

    def set_enabled(self, org_id: UUID, kind: str, source_id: UUID, *, enabled: bool) -> None:
        """Let searches find the source's passages, or not, in every generation.

        Those of a page are found if both it and its address are enabled.
        """
        self.change(org_id, kind, source_id, {"enabled": enabled})
        if kind in {"web", "page"}:
            self._switch_pages(org_id, WebPage.web_url_id if kind == "web" else WebPage.id, source_id)
            return
        self._session.execute(
            update(Chunk)
            .where(Chunk.org_id == org_id, CHUNK_KEYS[kind] == source_id)
            .values(source_enabled=enabled)
            .execution_options(synchronize_session=False)
        )

    def _switch_pages(self, org_id: UUID, column: Any, source_id: UUID) -> None:
        self._session.execute(
            update(Chunk)
            .where(
                Chunk.org_id == org_id,
                WebPage.org_id == org_id,
                WebPage.id == Chunk.web_page_id,
                column == source_id,
                WebUrl.org_id == org_id,
                WebUrl.id == WebPage.web_url_id,
            )
            .values(source_enabled=and_(WebPage.enabled, WebUrl.enabled))
            .execution_options(synchronize_session=False)
        )

    def remove(self, org_id: UUID, kind: str, source_id: UUID) -> None:
        """Delete a source with its passages and vectors in every generation."""
        model: Any = ALL[kind]
        self._session.execute(delete(model).where(model.org_id == org_id, model.id == source_id))

    def put_rows(self, org_id: UUID, table_id: UUID, rows: Sequence[Sequence[str]]) -> None:
        """Replace the rows of a table."""
        mine = (KnowledgeTableRow.org_id == org_id, KnowledgeTableRow.table_id == table_id)
        self._session.execute(delete(KnowledgeTableRow).where(*mine))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            values = [
                {"org_id": org_id, "table_id": table_id, "position": position, "cells": list(cells)}
                for position, cells in enumerate(rows[start : start + ROWS_AT_ONCE], start)
            ]
            self._session.execute(insert(KnowledgeTableRow), values)

    def rows(self, org_id: UUID, table_id: UUID, start: int = 0, limit: int | None = None) -> list[list[str]]:
        """The rows of a table from a position on, at most `limit`."""
        statement = (
            select(KnowledgeTableRow.cells)
            .where(
                KnowledgeTableRow.org_id == org_id,
                KnowledgeTableRow.table_id == table_id,
                KnowledgeTableRow.position >= start,
            )
            .order_by(KnowledgeTableRow.position)
            .limit(limit)
        )
        return list(self._session.scalars(statement))

    def blobs(self, org_id: UUID, base_id: UUID) -> set[UUID]:
        """The stored files that sources of a base refer to."""
        found: set[UUID] = set()
        for model in (KnowledgeFile, KnowledgeTable):
            statement = select(model.blob_id).where(
                model.org_id == org_id, model.knowledge_base_id == base_id, model.blob_id.is_not(None)
            )
            found.update(blob_id for blob_id in self._session.scalars(statement) if blob_id)
        return found

    def remove_unused(self, org_id: UUID, blob_id: UUID) -> None:
        """Delete a stored file unless a row or a task refers to it."""
        tasks = select(Task.id).where(
            Task.org_id == org_id,
            or_(
                Task.result["file"]["id"].astext == str(blob_id),
                Task.payload["blob_id"].astext == str(blob_id),
            ),
        )
        remove_blobs(self._session, org_id, Blob.id == blob_id, unused(), ~tasks.exists())

    def digest(self, org_id: UUID, blob_id: UUID) -> tuple[bytes, int]:
        """SHA-256 and size in bytes of a stored file."""
        columns: tuple[Any, ...] = (Blob.sha256, Blob.byte_size)
        row = self._session.execute(select(*columns).where(Blob.org_id == org_id, Blob.id == blob_id)).one()
        return row[0], row[1]


def listed(org_id: UUID, base_id: UUID, kinds: Iterable[str] = SOURCES) -> Subquery:
    """Every source of these kinds that a base has, with what is shown of it."""
    return union_all(*(_of_kind(kind, org_id, base_id) for kind in kinds)).subquery("sources")


def _of_kind(kind: str, org_id: UUID, base_id: UUID) -> Select[Any]:
    model: Any = ALL[kind]
    ended = and_(model.status.not_in(("ready", "failed")), Task.status.in_(ENDED))
    table: Table = model.__table__
    return (
        select(
            table.c.id,
            literal(kind).label("kind"),
            _NAMES[kind].label("name"),
            case((ended, "failed"), else_=model.status).label("status"),
            case((ended, func.coalesce(Task.error, Task.status)), else_=model.error).label("error"),
            model.progress,
            model.enabled,
            model.chunk_count,
            model.task_id,
            model.created_at,
            model.updated_at,
            (table.c.url if "url" in table.c else cast(null(), Text)).label("url"),
            (table.c.web_url_id if kind == "page" else cast(null(), Uuid)).label("web_url_id"),
        )
        .select_from(model)
        .outerjoin(Task, and_(Task.org_id == org_id, Task.id == model.task_id))
        .where(model.org_id == org_id, model.knowledge_base_id == base_id)
    )


def _filtered(rows: Subquery, state: ListState) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [
        rows.c.name.ilike(terms.contains(term), escape="\\") for term in state.terms
    ]
    columns = {
        "kind": rows.c.kind,
        "status": rows.c.status,
        "enabled": case((rows.c.enabled, "yes"), else_="no"),
    }
    for key, column in columns.items():
        if state.chosen.get(key):
            conditions.append(column.in_(state.chosen[key]))
        if state.excluded.get(key):
            conditions.append(column.not_in(state.excluded[key]))
    return select(rows).where(*conditions, *within(state, "created", rows.c.created_at))
