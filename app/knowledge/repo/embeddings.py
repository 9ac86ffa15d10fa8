"""Vectors of passages: every operator of pgvector stands here."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.db.base import db
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.repo.chunks import in_generation

_ADD = text("""
    INSERT INTO embeddings (id, org_id, knowledge_base_id, chunk_id, first_generation, resource_id, embedding,
                            dimensions, model)
    SELECT g.id, c.org_id, c.knowledge_base_id, c.id, :generation, c.file_id, CAST(g.vector AS halfvec),
           :dimensions, :model
      FROM unnest(:ids, :chunk_ids, :vectors) g(id, chunk_id, vector)
      JOIN knowledge_base_chunks c ON c.org_id = :org AND c.id = g.chunk_id
    ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("chunk_ids", type_=ARRAY(Uuid)),
    bindparam("vectors", type_=ARRAY(Text)),
    bindparam("org", type_=Uuid),
)
# The vector of any passage of the base with the same text by the same model.
_COPY = text("""
    INSERT INTO embeddings (id, org_id, knowledge_base_id, chunk_id, first_generation, resource_id, embedding,
                            dimensions, model)
    SELECT gen_random_uuid(), c.org_id, c.knowledge_base_id, c.id, :generation, c.file_id, s.embedding,
           :dimensions, :model
      FROM knowledge_base_chunks c
     CROSS JOIN LATERAL (
           SELECT e.embedding FROM knowledge_base_chunks o
             JOIN embeddings e ON e.org_id = :org AND e.chunk_id = o.id
            WHERE o.org_id = :org AND o.knowledge_base_id = c.knowledge_base_id AND o.content_hash = c.content_hash
              AND e.model = :model AND e.dimensions = :dimensions LIMIT 1) s
     WHERE c.org_id = :org AND c.id = ANY (:chunk_ids)
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("chunk_ids", type_=ARRAY(Uuid)), bindparam("org", type_=Uuid))


class EmbeddingsRepo:
    """Vectors of one organisation. A vector is written as `[0.5,-1]`."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def lacking(
        self, org_id: UUID, chunk_ids: Sequence[UUID], generation: int, model: str
    ) -> list[tuple[UUID, str]]:
        """Id and text of those passages that have no vector of this model in a generation."""
        has = exists().where(
            Embedding.org_id == org_id,
            Embedding.chunk_id == Chunk.id,
            Embedding.model == model,
            in_generation(Embedding, generation),
        )
        found: list[tuple[UUID, str]] = []
        for start in range(0, len(chunk_ids), 1_000):
            statement = select(Chunk.id, Chunk.text).where(
                Chunk.org_id == org_id, Chunk.id.in_(chunk_ids[start : start + 1_000]), ~has
            )
            found += [(chunk_id, words) for chunk_id, words in self._session.execute(statement)]
        return found

    def copy(self, org_id: UUID, chunk_ids: Sequence[UUID], generation: int, model: tuple[str, int]) -> int:
        """Give passages the vectors that others of their base with the same text have; how many.

        `model` is its name and the numbers per vector.
        """
        values = {"org": org_id, "chunk_ids": list(chunk_ids), "generation": generation}
        done: Any = self._session.execute(_COPY, {**values, "model": model[0], "dimensions": model[1]})
        return int(done.rowcount)

    def add(
        self, org_id: UUID, vectors: Sequence[tuple[UUID, str]], generation: int, model: tuple[str, int]
    ) -> int:
        """Store vectors by the ids of their passages, as far as these are still there; how many."""
        values = {
            "org": org_id,
            "ids": [uuid7() for _ in vectors],
            "chunk_ids": [chunk_id for chunk_id, _ in vectors],
            "vectors": [vector for _, vector in vectors],
            "generation": generation,
            "model": model[0],
            "dimensions": model[1],
        }
        done: Any = self._session.execute(_ADD, values)
        return int(done.rowcount)

    def close_others(self, org_id: UUID, chunk_ids: Sequence[UUID], generation: int, model: str) -> None:
        """Take vectors of other models than this one out of a generation and all later ones."""
        mine = (
            Embedding.org_id == org_id,
            Embedding.chunk_id.in_(chunk_ids),
            Embedding.model != model,
            in_generation(Embedding, generation),
        )
        self._session.execute(delete(Embedding).where(*mine, Embedding.first_generation >= generation))
        self._session.execute(
            update(Embedding)
            .where(*mine)
            .values(last_generation=generation - 1)
            .execution_options(synchronize_session=False)
        )
