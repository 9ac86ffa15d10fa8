"""A database of clustered vectors in knowledge bases of several sizes about the same subjects, filled by a seed."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from pgvector import HalfVector
from sqlalchemy import event
from uuid_utils.compat import uuid7

from app import create_app
from app.db.base import db
from app.db.scope import Scope, use_scope
from bench.place import Statement
from bench.rounds import Call
from tests.support.database import TEMPLATE, settings
from tests.support.postgres import OWNER, Postgres

SEED = 5
WIDTH = 3_072
MODEL = "bench-3072"
CLUSTERS = 500
INNER = 64
"""Directions in which vectors really differ, as those of texts do; the rest is noise."""
SPREAD, NOISE = 0.6, 0.02
SHARES = (0.007, 0.05, 0.10, 0.33, 1.0)
"""Rows that the bases up to each one hold together, as shares of all."""
FORCED = "-c enable_sort=off -c enable_seqscan=off -c enable_bitmapscan=off"
SERVER = {
    "shared_buffers": "1GB",
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "1",
    "max_wal_size": "4GB",
    "jit": "off",
}
_INDEX = """
    CREATE INDEX embeddings_embedding_hnsw_3072_idx ON embeddings
     USING hnsw ((embedding::halfvec(3072)) halfvec_cosine_ops) WHERE dimensions = 3072
"""
_STAGED = "CREATE TEMPORARY TABLE staged (chunk_id uuid, base_id uuid, embedding halfvec)"
_ADD = """
    INSERT INTO embeddings (id, org_id, knowledge_base_id, chunk_id, first_generation, embedding, dimensions, model)
    SELECT gen_random_uuid(), %s, base_id, chunk_id, 1, embedding, 3072, %s FROM staged
"""
_BASE = """
    INSERT INTO knowledge_bases (id, org_id, name, model, dimensions, chunking, source_count, chunk_count)
    VALUES (%s, %s, %s, %s, 3072, '{"size": 200, "overlap": 30}', 1, %s)
"""
_GENERATION = """
    INSERT INTO knowledge_base_generations (id, org_id, knowledge_base_id, number, status, model, dimensions, chunking)
    VALUES (gen_random_uuid(), %s, %s, 1, 'live', %s, 3072, '{}')
"""
_SOURCE = """
    INSERT INTO knowledge_base_freeform_texts (id, org_id, knowledge_base_id, title, body, input_hash, status)
    VALUES (%s, %s, %s, 'Text', '', '', 'ready')
"""
_CHUNKS = """
    COPY knowledge_base_chunks (id, org_id, knowledge_base_id, freeform_text_id, first_generation, position, text,
                                start_offset, end_offset, content_hash) FROM STDIN
"""


class Asked(HalfVector):
    """The vector of a question, which can be a key."""

    __hash__ = object.__hash__


@dataclass(frozen=True)
class Filled:
    """An organisation with bases of these sizes, and questions near rows of each base, by the number of the base."""

    org_id: UUID
    base_ids: Sequence[UUID]
    rows: Sequence[int]
    questions: Sequence[Sequence[Asked]]


@dataclass
class Place:
    """The application on the filled database, and the superuser beside it; `forced` walks indexes that sort."""

    app: Any
    bare: psycopg.Connection
    forced: psycopg.Connection

    def product(self, org_id: UUID, call: Call) -> Call:
        """A call as a request makes it: in the scope of an organisation, in a transaction of its own."""

        def run() -> object:
            session = db.session()
            use_scope(Scope(org_id))
            try:
                return call()
            finally:
                session.rollback()

        return run

    def recorded(self, call: Call) -> list[Statement]:
        """The statements that a call sends."""
        sent: list[Statement] = []

        def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
            sent.append((statement, values))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            call()
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return sent

    def ping(self) -> None:
        """A fixed piece of work on both sides of the connection."""
        sum(range(2_000))
        self.bare.execute("SELECT sum(n) FROM generate_series(1, 2000) n").fetchone()


@contextmanager
def place(cluster: Postgres) -> Iterator[Place]:
    """The application on a fresh database."""
    cluster.create_database("bench_vectors", TEMPLATE)
    owner = cluster.dsn("bench_vectors", OWNER)
    app = create_app(settings(owner))
    address = cluster.dsn("bench_vectors")
    with (
        psycopg.connect(address, autocommit=True) as bare,
        psycopg.connect(address, autocommit=True, options=FORCED) as forced,
        app.app_context(),
    ):
        yield Place(app, bare, forced)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def fill(bare: psycopg.Connection, count: int, name: str) -> Filled:
    """Fill an organisation with bases of SHARES of so many vectors; without the index, see `index`."""
    generator = np.random.default_rng(SEED)
    ends = [max(1, round(count * share)) for share in SHARES]
    sizes = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    turn = generator.standard_normal((INNER, WIDTH), dtype=np.float32) / np.sqrt(WIDTH)
    org_id, base_ids, questions = uuid7(), [uuid7() for _ in sizes], []
    bare.execute("INSERT INTO orgs (id, name, slug) VALUES (%s, %s, %s)", (org_id, name, name))
    bare.execute(_STAGED)
    centres = generator.standard_normal((CLUSTERS, INNER), dtype=np.float32)
    for base_id, size in zip(base_ids, sizes, strict=True):
        rows = _near(generator, centres, turn, size)
        _store(bare, org_id, base_id, rows, _texts(generator, size))
        questions.append([Asked(row) for row in _near(generator, centres, turn, 12)])
    bare.execute(_ADD, (org_id, MODEL))
    bare.execute("DROP TABLE staged")
    return Filled(org_id, base_ids, ends, questions)


def index(bare: psycopg.Connection) -> None:
    """Build the index and the planner's figures."""
    bare.execute(_INDEX)
    bare.execute("VACUUM (ANALYZE)")


def drop_index(bare: psycopg.Connection) -> None:
    """Drop the index, so that rows are stored quickly."""
    bare.execute("DROP INDEX IF EXISTS embeddings_embedding_hnsw_3072_idx")


def _near(generator: np.random.Generator, centres: Any, turn: Any, size: int) -> Any:
    """Vectors of length 1 around these centres."""
    inner = centres[generator.integers(0, len(centres), size)]
    rows = (inner + SPREAD * generator.standard_normal(inner.shape, dtype=np.float32)) @ turn
    rows += NOISE * generator.standard_normal(rows.shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _texts(generator: np.random.Generator, size: int) -> list[str]:
    """Texts of 30 words, some of them frequent."""
    words = np.minimum(generator.zipf(1.3, (size, 30)), 20_000)
    return [" ".join(f"word{number}x" for number in row) for row in words]


def _store(bare: psycopg.Connection, org_id: UUID, base_id: UUID, rows: Any, texts: Sequence[str]) -> None:
    source_id, ids = uuid7(), [uuid7() for _ in texts]
    bare.execute(_BASE, (base_id, org_id, f"Base {base_id}", MODEL, len(texts)))
    bare.execute(_GENERATION, (org_id, base_id, MODEL))
    bare.execute(_SOURCE, (source_id, org_id, base_id))
    with bare.cursor().copy(_CHUNKS) as copy:
        for position, (chunk_id, text) in enumerate(zip(ids, texts, strict=True)):
            copy.write_row((chunk_id, org_id, base_id, source_id, 1, position, text, 0, len(text), "\\x00"))
    halves = rows.astype(">f2")
    head = struct.pack(">hh", WIDTH, 0)
    with bare.cursor().copy("COPY staged FROM STDIN (FORMAT binary)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        for chunk_id, row in zip(ids, halves, strict=True):
            value = head + row.tobytes()
            copy.write(
                struct.pack(">hi", 3, 16)
                + chunk_id.bytes
                + struct.pack(">i", 16)
                + base_id.bytes
                + struct.pack(">i", len(value))
                + value
            )
        copy.write(struct.pack(">h", -1))
