"""Passages of sources, as a generation has them.

A passage is prepared for a generation (no first generation, the one it is meant for as the last), belongs to it, or
is closed: kept for the generations before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Subquery,
    Uuid,
    and_,
    any_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db import terms
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.sources import CHUNK_KEYS
from app.web.listing import ListState

AT_ONCE = 500

SOURCE_ID = func.coalesce(Chunk.file_id, Chunk.freeform_text_id, Chunk.table_id, Chunk.web_page_id)
_SOURCE_KIND = case(
    (Chunk.file_id.is_not(None), "file"),
    (Chunk.freeform_text_id.is_not(None), "text"),
    (Chunk.table_id.is_not(None), "table"),
    else_="page",
)
_LISTED = (
    Chunk.id,
    _SOURCE_KIND.label("kind"),
    SOURCE_ID.label("source_id"),
    Chunk.position,
    Chunk.text,
    Chunk.start_offset,
    Chunk.end_offset,
    Chunk.enabled,
    Chunk.source_enabled,
    Chunk.note,
)


@dataclass(frozen=True)
class ChunkRow:
    """A passage; it is found while it and its source are enabled."""

    id: UUID
    kind: str
    source_id: UUID
    position: int
    text: str
    start_offset: int
    end_offset: int
    enabled: bool
    source_enabled: bool
    note: str | None


@dataclass(frozen=True)
class Kept:
    """What of a passage tells whether it is still wanted."""

    id: UUID
    content_hash: bytes
    start: int
    end: int
    first_generation: int | None


class ChunksRepo:
    """Passages of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, kind: str, source_id: UUID, state: ListState) -> Page[ChunkRow]:
        """The passages of a source in the live generation; two statements.

        Sort: position. Facet: `enabled` (yes, no).
        """
        statement = (
            select(*_LISTED)
            .join(
                KnowledgeBase,
                and_(KnowledgeBase.org_id == org_id, KnowledgeBase.id == Chunk.knowledge_base_id),
            )
            .where(
                Chunk.org_id == org_id,
                CHUNK_KEYS[kind] == source_id,
                in_generation(Chunk, KnowledgeBase.live_generation),
                *(Chunk.text.ilike(terms.contains(term), escape="\\") for term in state.terms),
                *_chosen(state, "enabled", case((Chunk.enabled, "yes"), else_="no")),
            )
        )
        order = Order(Chunk.position, Chunk.id, state.descending)  # type: ignore[arg-type]
        return paginate(
            self._session, statement, order, state.request, lambda row: ChunkRow(*row[: len(_LISTED)])
        )

    def get(self, org_id: UUID, base_id: UUID, chunk_id: UUID) -> ChunkRow | None:
        """A passage of a base, of whatever generation."""
        statement = select(*_LISTED).where(
            Chunk.org_id == org_id, Chunk.knowledge_base_id == base_id, Chunk.id == chunk_id
        )
        row = self._session.execute(statement).one_or_none()
        return ChunkRow(*row[: len(_LISTED)]) if row else None

    def around(self, org_id: UUID, chunk: ChunkRow) -> list[ChunkRow]:
        """The passages of the live generation that stand where this one does, right before and right after."""
        statement = (
            select(*_LISTED)
            .join(
                KnowledgeBase,
                and_(KnowledgeBase.org_id == org_id, KnowledgeBase.id == Chunk.knowledge_base_id),
            )
            .where(
                Chunk.org_id == org_id,
                CHUNK_KEYS[chunk.kind] == chunk.source_id,
                Chunk.position.between(chunk.position - 1, chunk.position + 1),
                in_generation(Chunk, KnowledgeBase.live_generation),
            )
            .order_by(Chunk.position, Chunk.id)
        )
        return [ChunkRow(*row[: len(_LISTED)]) for row in self._session.execute(statement)]

    def change(self, org_id: UUID, chunk_id: UUID, values: Mapping[str, Any]) -> None:
        """Set `enabled` or `note`."""
        self._session.execute(
            update(Chunk)
            .where(Chunk.org_id == org_id, Chunk.id == chunk_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def of_source(self, org_id: UUID, kind: str, source_id: UUID, generation: int) -> list[Kept]:
        """The passages of a source in a generation, and those prepared for it."""
        statement = (
            select(Chunk.id, Chunk.content_hash, Chunk.start_offset, Chunk.end_offset, Chunk.first_generation)
            .where(
                Chunk.org_id == org_id,
                CHUNK_KEYS[kind] == source_id,
                or_(in_generation(Chunk, generation), prepared(generation)),
            )
            .order_by(Chunk.start_offset, Chunk.id)
        )
        return [Kept(*row) for row in self._session.execute(statement)]

    def add(self, org_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store new passages."""
        for start in range(0, len(rows), AT_ONCE):
            values = [{"org_id": org_id, **row} for row in rows[start : start + AT_ONCE]]
            self._session.execute(insert(Chunk), values)

    def take_over(self, org_id: UUID, former_ids: Sequence[UUID], ids: Sequence[UUID]) -> None:
        """Give passages what people said of former ones with the same text: of several the first that of the first."""
        former, new = _numbered(org_id, former_ids), _numbered(org_id, ids)
        said = or_(~former.c.enabled, former.c.note.is_not(None))
        self._session.execute(
            update(Chunk)
            .where(
                Chunk.org_id == org_id,
                Chunk.id == new.c.id,
                new.c.content_hash == former.c.content_hash,
                new.c.number == former.c.number,
                said,
            )
            .values(enabled=former.c.enabled, note=former.c.note)
            .execution_options(synchronize_session=False)
        )

    def remove(self, org_id: UUID, ids: Sequence[UUID], generation: int) -> None:
        """Take passages out of a generation and all later ones; prepared ones are deleted."""
        mine = (Chunk.org_id == org_id, _among(Chunk.id, ids))
        only_there = or_(Chunk.first_generation >= generation, Chunk.first_generation.is_(None))
        self._session.execute(delete(Chunk).where(*mine, only_there))
        self._session.execute(
            update(Chunk)
            .where(*mine)
            .values(last_generation=generation - 1)
            .execution_options(synchronize_session=False)
        )

    def remove_later(self, org_id: UUID, kind: str, source_id: UUID, kept: tuple[int, int | None]) -> None:
        """Delete a changed source's passages that only generations after the live one have, as they were live before.

        `kept` is the live generation and the one that is being built.
        """
        live, building = kept
        self._session.execute(
            delete(Chunk).where(
                Chunk.org_id == org_id,
                CHUNK_KEYS[kind] == source_id,
                Chunk.first_generation > live,
                Chunk.first_generation.is_distinct_from(building),
            )
        )

    def promote(self, org_id: UUID, ids: Sequence[UUID], generation: int, *, enabled: bool) -> None:
        """Put prepared passages into a generation; `enabled` is their source's."""
        self._session.execute(
            update(Chunk)
            .where(Chunk.org_id == org_id, _among(Chunk.id, ids))
            .values(first_generation=generation, last_generation=None, source_enabled=enabled)
            .execution_options(synchronize_session=False)
        )

    def count(self, org_id: UUID, kind: str, source_id: UUID, generation: int) -> int:
        """How many passages of a source a generation has."""
        statement = select(func.count()).where(
            Chunk.org_id == org_id, CHUNK_KEYS[kind] == source_id, in_generation(Chunk, generation)
        )
        return self._session.scalars(statement).one()

    def count_all(self, org_id: UUID, base_id: UUID, generation: int) -> dict[UUID, int]:
        """How many passages a generation has, by source."""
        statement = (
            select(SOURCE_ID, func.count())
            .where(
                Chunk.org_id == org_id, Chunk.knowledge_base_id == base_id, in_generation(Chunk, generation)
            )
            .group_by(SOURCE_ID)
        )
        return {row[0]: row[1] for row in self._session.execute(statement)}

    def abandon(self, org_id: UUID, base_id: UUID, generation: int) -> None:
        """Undo what was built for a generation that never was live."""
        for model in (Chunk, Embedding):
            mine = (model.org_id == org_id, model.knowledge_base_id == base_id)
            self._session.execute(delete(model).where(*mine, model.first_generation >= generation))
            self._session.execute(
                update(model)
                .where(*mine, model.first_generation.is_not(None), model.last_generation == generation - 1)
                .values(last_generation=None)
                .execution_options(synchronize_session=False)
            )
        self._session.execute(
            delete(Chunk).where(
                Chunk.org_id == org_id, Chunk.knowledge_base_id == base_id, prepared(generation)
            )
        )

    def prune(self, org_id: UUID, base_id: UUID, oldest: int) -> None:
        """Delete what only generations before `oldest` have, vectors included, and what was prepared for them."""
        for model in (Embedding, Chunk):
            self._session.execute(
                delete(model).where(
                    model.org_id == org_id,
                    model.knowledge_base_id == base_id,
                    model.last_generation < oldest,
                )
            )
        live = select(KnowledgeBase.live_generation).where(
            KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id
        )
        self._session.execute(
            delete(Chunk).where(
                Chunk.org_id == org_id,
                Chunk.knowledge_base_id == base_id,
                Chunk.first_generation.is_(None),
                Chunk.last_generation < live.scalar_subquery(),
            )
        )


def in_generation(model: type[Chunk] | type[Embedding], generation: Any) -> ColumnElement[bool]:
    """Whether a passage or vector belongs to a generation."""
    return and_(
        model.first_generation <= generation,
        or_(model.last_generation.is_(None), model.last_generation >= generation),
    )


def prepared(generation: int) -> ColumnElement[bool]:
    """Whether a passage is prepared for a generation."""
    return and_(Chunk.first_generation.is_(None), Chunk.last_generation == generation)


def _numbered(org_id: UUID, ids: Sequence[UUID]) -> Subquery:
    """Passages, those with the same text numbered in their order."""
    number = func.row_number().over(partition_by=Chunk.content_hash, order_by=(Chunk.start_offset, Chunk.id))
    columns = (Chunk.id, Chunk.content_hash, Chunk.enabled, Chunk.note, number.label("number"))
    return select(*columns).where(Chunk.org_id == org_id, _among(Chunk.id, ids)).subquery()


def _among(column: Any, ids: Sequence[UUID]) -> ColumnElement[bool]:
    return column == any_(literal(list(ids), ARRAY(Uuid)))  # type: ignore[no-any-return]


def _chosen(state: ListState, key: str, column: Any) -> list[ColumnElement[bool]]:
    found = []
    if state.chosen.get(key):
        found.append(column.in_(state.chosen[key]))
    if state.excluded.get(key):
        found.append(column.not_in(state.excluded[key]))
    return found
