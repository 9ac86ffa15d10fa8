"""OI-3: passages of another organisation are never found, and never stand before ours, however many and near."""

import numpy as np
import pytest
from pgvector import HalfVector
from sqlalchemy import insert, text

from app.db.base import db
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.repo.embeddings import EmbeddingsRepo, Near
from app.knowledge.repo.scope import Scope
from app.knowledge.services import retrieval
from app.knowledge.services.retrieval import Question, search
from app.threads.models import Message
from tests.factories import agents, knowledge, orgs
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.embedder import Words
from tests.support.model_server import Answer

pytestmark = pytest.mark.usefixtures("quick_models")

DOCUMENT = "How long do refunds take after the parcel came back?"
THEIRS, OURS, K = 5_000, 30, 20
LEAST_RECALL = 0.95
PATHS = ("exact", "bits", "hnsw")
WALK = """
    SELECT set_config(name, 'off', true)
      FROM unnest(ARRAY['enable_sort', 'enable_seqscan', 'enable_bitmapscan']) name
"""
"""The index of vectors is walked past all of theirs, whatever the planner thinks of that."""


def fill(base, count, name, noise):
    """Passages of a base with the document itself and near duplicates; their ids, the nearest first."""
    (asked,), source = Words().embed([DOCUMENT]), knowledge.text(base)
    vectors = asked + noise * np.random.default_rng(3).standard_normal((count, asked.size), dtype=np.float32)
    vectors[0] = asked
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    key = {"org_id": base.org_id, "knowledge_base_id": base.id, "first_generation": 1}
    chunks = [
        {
            **key,
            "freeform_text_id": source.id,
            "position": number,
            "text": f"{DOCUMENT} {name} {number}",
            "start_offset": 0,
            "end_offset": len(DOCUMENT),
            "content_hash": number.to_bytes(4),
        }
        for number in range(count)
    ]
    with as_owner() as session:
        ids = session.scalars(insert(Chunk).returning(Chunk.id, sort_by_parameter_order=True), chunks).all()
        session.execute(
            insert(Embedding),
            [
                {
                    **key,
                    "chunk_id": chunk_id,
                    "embedding": HalfVector(vector).to_text(),
                    "dimensions": asked.size,
                    "model": knowledge.MODEL,
                }
                for chunk_id, vector in zip(ids, vectors, strict=True)
            ],
        )
    return [ids[number] for number in np.argsort(-(vectors @ asked), kind="stable")]


def theirs(count):
    """A base of another organisation: the same document, and vectors that are nearer to it than ours."""
    base = knowledge.base(orgs.org(), chunk_count=count)
    fill(base, count, "theirs", 0.001)
    return base


@pytest.fixture
def ours(org):
    """A base of ours with the same document; and its passages, the nearest first."""
    base = knowledge.base(org, chunk_count=OURS)
    return base, fill(base, OURS, "ours", 0.02)


def recall(found, right):
    return len(set(found) & set(right)) / len(right)


def test_oi_3_5000_nearer_vectors_of_others_hide_none_of_ours(acting, org, person, ours, monkeypatch):
    (base, right), other = ours, theirs(THEIRS)
    acting(org, person)
    for path in PATHS:
        if path == "hnsw":
            db.session.execute(text(WALK))
        scope = Scope([base.id, other.id])
        near = Near(HalfVector(Words().embed([DOCUMENT])[0]), knowledge.MODEL, 384, scope, K, path)
        found = [chunk_id for chunk_id, _ in EmbeddingsRepo().nearest(org.id, near)]
        assert len(found) == K, path
        assert set(found) <= set(right), path
        assert recall(found, right[:K]) >= LEAST_RECALL, path
        assert EmbeddingsRepo().nearest(other.org_id, near) == [], path
        monkeypatch.setattr(retrieval, "path_of", lambda _rows, _width, path=path: path)
        for legs in (("vector",), ("vector", "fulltext")):
            hits = search(org.id, Question(DOCUMENT, top_k=K, legs=legs)).hits
            assert len(hits) == K, (path, legs)
            assert {hit.passage.base_id for hit in hits} == {base.id}, (path, legs)


def test_oi_3_an_agent_is_given_passages_of_its_own_organisation(member, org, server, work, ours):
    theirs(500)
    agent = agents.agent(org, primary_model_provider="main", primary_model="m", rag_enabled=[str(ours[0].id)])
    call = f'{{"query": "{DOCUMENT}", "limit": {K}}}'
    server.answers = [Answer(calls=(("c1", "search_knowledge", call),)), Answer(("Five days.",))]
    place = f"/o/acme/agents/{agent.id}/playground"
    assert member.submit(place, {"message": "How long?", "version": "draft"}).status_code == 303
    work()
    (answer,) = [message for message in rows(Message) if message.role == "assistant"]
    told = str(server.seen[1]["messages"])
    assert (told.count(f"{DOCUMENT} ours"), told.count("theirs")) == (K, 0)
    assert "theirs" not in str(answer.parts)
