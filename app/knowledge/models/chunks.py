"""Passages of sources, and their vectors.

A chunk belongs to the generations `first_generation` to `last_generation` of its base; without a last one to all later
ones as well, and without a first one it is only prepared. So the row of a base decides with one number what a search
finds. Its vectors carry the same two numbers.
"""

import uuid
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.connections.models import WIDTHS
from app.db.base import Base
from app.db.columns import Created, Identified, Tenant, tenant_key
from app.knowledge.models.sources import of_base

SOURCE_KEYS = {
    "file_id": "knowledge_base_files",
    "freeform_text_id": "knowledge_base_freeform_texts",
    "table_id": "knowledge_base_tables",
    "web_page_id": "knowledge_base_web_pages",
}
"""The columns of a chunk that name its source; exactly one is filled."""


class Chunk(Identified, Tenant, Created, Base):
    """A passage of one source: `text` stands at `start_offset` to `end_offset` of it and never changes.

    `source_enabled` repeats whether its source is, so that a search need not look there.
    """

    __tablename__ = "knowledge_base_chunks"
    __table_args__ = (
        tenant_key(),
        of_base(),
        *(
            ForeignKeyConstraint(["org_id", column], [f"{table}.org_id", f"{table}.id"], ondelete="CASCADE")
            for column, table in SOURCE_KEYS.items()
        ),
        *(
            Index(None, "org_id", column, "position", postgresql_where=text(f"{column} IS NOT NULL"))
            for column in SOURCE_KEYS
        ),
        CheckConstraint(f"num_nonnulls({', '.join(SOURCE_KEYS)}) = 1", name="source"),
        Index("knowledge_base_chunks_hashes_idx", "org_id", "knowledge_base_id", "content_hash"),
    )

    knowledge_base_id: Mapped[uuid.UUID]
    first_generation: Mapped[int | None]
    last_generation: Mapped[int | None]
    file_id: Mapped[uuid.UUID | None]
    freeform_text_id: Mapped[uuid.UUID | None]
    table_id: Mapped[uuid.UUID | None]
    web_page_id: Mapped[uuid.UUID | None]
    position: Mapped[int]
    text: Mapped[str]
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    content_hash: Mapped[bytes]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    source_enabled: Mapped[bool] = mapped_column(server_default="true")
    note: Mapped[str | None]


class ChunkSearch(Tenant, Base):
    """The searched form of a chunk, kept by a trigger.

    `tsv` holds its English lexemes and, without positions, its organisation and its base.
    """

    __tablename__ = "knowledge_base_chunk_search"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "chunk_id"],
            ["knowledge_base_chunks.org_id", "knowledge_base_chunks.id"],
            ondelete="CASCADE",
        ),
        Index(
            "knowledge_base_chunks_text_gin_idx",
            "tsv",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True)
    chunk_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tsv: Mapped[str] = mapped_column(TSVECTOR)


class HalfVector(UserDefinedType[str]):
    """Numbers of half precision, as pgvector writes them: `[0.5,-1]`."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """The name of the type."""
        return "halfvec"


class Embedding(Identified, Tenant, Created, Base):
    """The vector of a chunk by one model. `bits` are the signs of its numbers, for a quick first choice."""

    __tablename__ = "embeddings"
    __table_args__ = (
        tenant_key(),
        of_base(),
        ForeignKeyConstraint(
            ["org_id", "chunk_id"],
            ["knowledge_base_chunks.org_id", "knowledge_base_chunks.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["org_id", "resource_id"],
            ["knowledge_base_files.org_id", "knowledge_base_files.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("vector_dims(embedding) = dimensions", name="dimensions"),
        UniqueConstraint("org_id", "chunk_id", "first_generation"),
        Index(
            "embeddings_generations_idx", "org_id", "knowledge_base_id", "first_generation", "last_generation"
        ),
        Index(None, "org_id", "resource_id", postgresql_where=text("resource_id IS NOT NULL")),
        *(
            Index(
                f"embeddings_embedding_hnsw_{width}_idx",
                text(f"(embedding::halfvec({width})) halfvec_cosine_ops"),
                postgresql_using="hnsw",
                postgresql_where=text(f"dimensions = {width}"),
            )
            for width in WIDTHS
        ),
    )

    knowledge_base_id: Mapped[uuid.UUID]
    chunk_id: Mapped[uuid.UUID]
    first_generation: Mapped[int]
    last_generation: Mapped[int | None]
    resource_id: Mapped[uuid.UUID | None]
    embedding: Mapped[str] = mapped_column(HalfVector)
    bits: Mapped[str] = mapped_column(
        BIT(varying=True), Computed("binary_quantize(embedding)::varbit", persisted=True)
    )
    dimensions: Mapped[int]
    model: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
