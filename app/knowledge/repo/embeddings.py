"""Vectors of passages: every operator of pgvector stands here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import Text, Uuid, bindparam, delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.connections.models import WIDTHS
from app.db.base import db
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.repo.chunks import in_generation
from app.knowledge.repo.scope import Scope

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


@dataclass(frozen=True)
class Near:
    """What `nearest` looks for: at most `most` passages.

    `path` is how: `exact` compares all vectors, `bits` first chooses by the signs of their numbers, whatever their
    passages are, and `hnsw` walks the index of all organisations.
    """

    vector: HalfVector
    model: str
    dimensions: int
    scope: Scope
    most: int
    path: str


BITS_LEAST = 40
BITS_FACTOR, BITS_NUMBERS = 3, 7_680
"""How many more passages the signs choose than are asked for, and as many more as makes up for few numbers.

Of 2,400 texts (docstrings, 384 numbers by the local model) the ten nearest were among 100 by signs to 0.986 and among
150 to 0.994; of the benchmark's vectors of 3,072 numbers the ten nearest among 40 and the hundred nearest among 300 to
1.000.
"""


def first_by_signs(most: int, width: int) -> int:
    """How many passages to compare in full for the `most` nearest of so wide vectors."""
    return max(BITS_LEAST, most * max(BITS_FACTOR, BITS_NUMBERS // width))


_SCAN = text("""
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', :width, true)
""")
# The path "bits" has one plan that is right for all values, and to make it anew takes a third of a search. The others
# need one for these values: a plan for all does not know how few vectors a filter leaves, and may leave the index.
# "bits" itself says that all later statements are planned anew, once it has its plan.
_PLANS = text("SELECT set_config('plan_cache_mode', :mode, true)")
_SAME, _ANEW = {"mode": "force_generic_plan"}, {"mode": "force_custom_plan"}
_NUMBER = "coalesce(CAST(:generation AS integer), b.live_generation)"
_FOUND = """
      FROM embeddings e
      JOIN knowledge_bases b ON b.org_id = :org AND b.id = e.knowledge_base_id
      JOIN knowledge_base_chunks c ON c.org_id = :org AND c.id = e.chunk_id
     WHERE e.org_id = :org AND e.knowledge_base_id = ANY (:bases) AND e.dimensions = {width} AND e.model = :model
       AND NOT b.archived AND e.first_generation <= {number}
       AND (e.last_generation IS NULL OR e.last_generation >= {number}) {passage}
"""
# The passage itself is found: nobody took it out, and it is what the search asks for.
_PASSAGE = """
       AND c.enabled AND c.source_enabled AND c.first_generation <= {number}
       AND (c.last_generation IS NULL OR c.last_generation >= {number})
       AND (:kinds IS NULL OR CASE WHEN c.file_id IS NOT NULL THEN 'file'
                                   WHEN c.freeform_text_id IS NOT NULL THEN 'text'
                                   WHEN c.table_id IS NOT NULL THEN 'table' ELSE 'page' END = ANY (:kinds))
       AND (:sources IS NULL OR coalesce(c.file_id, c.freeform_text_id, c.table_id, c.web_page_id) = ANY (:sources))
"""
_DISTANCE = "e.embedding::halfvec({width}) <=> CAST(:vector AS halfvec({width}))"
_PATHS = {
    "exact": """
    WITH found AS MATERIALIZED (SELECT e.chunk_id, {distance} AS distance {found})
    SELECT chunk_id, distance FROM found ORDER BY distance, chunk_id LIMIT :most
    """,
    "bits": """
    WITH asked AS MATERIALIZED (SELECT CAST(:vector AS halfvec({width})) AS vector),
    bases AS MATERIALIZED (
        SELECT b.id, {number} AS number FROM knowledge_bases b
         WHERE b.org_id = :org AND b.id = ANY (:bases) AND NOT b.archived),
    likely AS MATERIALIZED (
        SELECT e.ctid AS place, b.number
          FROM bases b
          JOIN embeddings e ON e.org_id = :org AND e.knowledge_base_id = b.id AND e.first_generation <= b.number
           AND (e.last_generation IS NULL OR e.last_generation >= b.number)
         WHERE e.dimensions = {width} AND e.model = :model
         ORDER BY e.bits <~> (SELECT binary_quantize(a.vector) FROM asked a)
         LIMIT :first),
    near AS MATERIALIZED (
        SELECT e.chunk_id, l.number, e.embedding <=> (SELECT a.vector FROM asked a) AS distance
          FROM likely l JOIN embeddings e ON e.ctid = l.place
         ORDER BY distance, e.chunk_id)
    SELECT n.chunk_id, n.distance
      FROM near n JOIN knowledge_base_chunks c ON c.org_id = :org AND c.id = n.chunk_id {of_near}
     WHERE (SELECT set_config('plan_cache_mode', 'force_custom_plan', true)) IS NOT NULL
     ORDER BY n.distance, n.chunk_id LIMIT :most
    """,
    "hnsw": """
    WITH near AS MATERIALIZED (
        SELECT e.chunk_id, {distance} AS distance {found} ORDER BY {distance} LIMIT :most)
    SELECT chunk_id, distance FROM near ORDER BY distance, chunk_id
    """,
}


def _filled(statement: str, width: int) -> str:
    known = {"width": width, "number": _NUMBER, "passage": _PASSAGE.format(number=_NUMBER)}
    parts = {"distance": _DISTANCE.format(**known), "found": _FOUND.format(**known)}
    return statement.format(**known, **parts, of_near=_PASSAGE.format(number="n.number"))


_NEAREST = {
    (path, width): text(_filled(statement, width)).bindparams(
        bindparam("org", type_=Uuid),
        bindparam("bases", type_=ARRAY(Uuid)),
        bindparam("sources", type_=ARRAY(Uuid)),
        bindparam("kinds", type_=ARRAY(Text)),
    )
    for path, statement in _PATHS.items()
    for width in WIDTHS
}


class EmbeddingsRepo:
    """Vectors of one organisation."""

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
        self,
        org_id: UUID,
        vectors: Sequence[tuple[UUID, HalfVector]],
        generation: int,
        model: tuple[str, int],
    ) -> int:
        """Store vectors by the ids of their passages, as far as these are still there; how many."""
        values = {
            "org": org_id,
            "ids": [uuid7() for _ in vectors],
            "chunk_ids": [chunk_id for chunk_id, _ in vectors],
            "vectors": [vector.to_text() for _, vector in vectors],
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

    def nearest(self, org_id: UUID, near: Near) -> list[tuple[UUID, float]]:
        """Passages that searches find now by their likeness to a vector (cosine, 1 is the same), the nearest first."""
        values = {
            "org": org_id,
            **near.scope.values(),
            "model": near.model,
            "vector": near.vector,
            "most": near.most,
            "first": first_by_signs(near.most, near.dimensions),
        }
        if near.path == "hnsw":
            self._session.execute(_SCAN, {"width": str(min(max(near.most * 2, 100), 1_000))})
        self._session.execute(_PLANS, _SAME if near.path == "bits" else _ANEW)
        rows = self._session.execute(_NEAREST[near.path, near.dimensions], values).all()
        if near.path == "bits" and len(rows) < near.most:
            # The likely ones were mostly of passages that are not found: all are compared.
            rows = self._session.execute(_NEAREST["exact", near.dimensions], values).all()
        return [(row.chunk_id, 1 - row.distance) for row in rows]
