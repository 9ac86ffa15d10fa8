"""The search in knowledge bases."""

from uuid import uuid4

import pytest
from pgvector import HalfVector
from sqlalchemy import text

from app.knowledge.embedders.registry import LOCAL, Model
from app.knowledge.repo import embeddings
from app.knowledge.services import bases, generations, retrieval, sources
from app.knowledge.services.retrieval import Question, fuse, search
from app.web.errors import NotFound
from tests.factories import knowledge, orgs
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.embedder import WIDE

TEXTS = {
    "Refunds": "Refunds take five days after you returned the parcel.",
    "Shipping": "A parcel is shipped within two days, by post.",
    "Codes": "Error ERR-4012 says that the card was declined.",
    "Holidays": "The office is closed in August.",
}


@pytest.fixture
def filled(do, base):
    """The handbook with its texts; their ids by title."""
    return {title: do(sources.add_text, base.id, title, body) for title, body in TEXTS.items()}


def names(found):
    return [hit.passage.source_name for hit in found.hits]


def test_both_legs_find_and_say_their_ranks(org, base, filled):
    found = search(org.id, Question("how long do refunds take"))
    best = found.hits[0]
    assert best.passage.source_name == "Refunds"
    assert (best.vector_rank, best.fulltext_rank) == (1, 1)
    assert 0.4 < best.score <= 1
    assert 0 < best.likeness <= 1
    assert (best.passage.base_id, best.passage.base_name, best.passage.kind) == (base.id, "Handbook", "text")
    assert ("Refunds", True) in best.passage.pieces
    assert "".join(piece for piece, _ in best.passage.pieces) == best.passage.text
    assert {"embed", "vector", "fulltext", "total"} <= found.milliseconds.keys()


def test_each_leg_alone(org, base, filled):
    words = Question("parcel", legs=("fulltext",))
    assert set(names(search(org.id, words))) == {"Refunds", "Shipping"}
    assert all(hit.vector_rank is None for hit in search(org.id, words).hits)
    near = search(org.id, Question("parcel", legs=("vector",)))
    assert set(names(near)[:2]) == {"Refunds", "Shipping"}
    assert all(hit.fulltext_rank is None for hit in near.hits)


def test_identifiers_phrases_and_exclusions(org, base, filled):
    words = {"legs": ("fulltext",)}
    assert names(search(org.id, Question("what is ERR-4012 about", **words)))[0] == "Codes"
    assert names(search(org.id, Question('"two days"', **words))) == ["Shipping"]
    assert names(search(org.id, Question("parcel -refunds", **words))) == ["Shipping"]
    assert names(search(org.id, Question("the of and", **words))) == []
    assert names(search(org.id, Question("it's \\ 'quoted' & | ! <-> :* parcel", **words)))
    assert search(org.id, Question("\x00 ")).hits == ()


def test_filters_and_bounds(do, org, base, filled):
    other = do(bases.create_base, {"name": "Other"})
    do(sources.add_text, other.id, "Elsewhere", "Refunds elsewhere.")
    asked = {"words": "refunds parcel days"}
    assert "Elsewhere" in names(search(org.id, Question(**asked)))
    assert "Elsewhere" not in names(search(org.id, Question(**asked, base_ids=[base.id])))
    only = Question(**asked, source_ids=[filled["Shipping"]])
    assert set(names(search(org.id, only))) == {"Shipping"}
    assert len(search(org.id, Question(**asked, top_k=1)).hits) == 1
    assert search(org.id, Question("nothing alike", threshold=0.99)).hits == ()
    with pytest.raises(NotFound):
        search(org.id, Question(**asked, base_ids=[uuid4()]))


def test_disabling_deleting_and_archiving_act_at_once(do, org, base, filled):
    asked = Question("refunds parcel holidays office", top_k=50)
    assert set(names(search(org.id, asked))) == set(TEXTS)
    do(sources.set_enabled, base.id, "text", filled["Refunds"], enabled=False)
    assert "Refunds" not in names(search(org.id, asked))
    do(sources.delete_source, base.id, "text", filled["Shipping"])
    assert set(names(search(org.id, asked))) == {"Codes", "Holidays"}
    do(bases.set_archived, base.id, archived=True)
    assert search(org.id, asked).hits == ()


@pytest.mark.parametrize("path", ["exact", "bits", "hnsw"])
def test_every_path_finds_the_nearest_of_the_filter(acting, org, base, monkeypatch, path):
    monkeypatch.setattr(retrieval, "path_of", lambda _rows, _width: path)
    monkeypatch.setattr(embeddings, "BITS_LEAST", 10)
    others = knowledge.text(knowledge.base(org))
    for number in range(40):
        knowledge.embedding(knowledge.chunk(others, f"other {number}", number), {number: 1.0, 50: 0.5})
    mine = knowledge.text(base)
    for number in range(30):
        knowledge.embedding(knowledge.chunk(mine, f"mine {number}", number), {number: 0.1 * number, 60: 1.0})
    monkeypatch.setattr(retrieval, "embed_question", lambda *_: HalfVector([0.0] * 60 + [1.0] + [0.0] * 323))
    acting(org, orgs.member(org))
    found = search(org.id, Question("mine", base_ids=[base.id], top_k=5, legs=("vector",)))
    assert [hit.passage.text for hit in found.hits] == [f"mine {number}" for number in range(5)]


def test_a_search_during_which_another_generation_goes_live_begins_again(
    do, start, org, base, filled, monkeypatch
):
    real, asked = retrieval.embed_question, []

    def meanwhile(org_id, model, words):
        asked.append(model.name)
        if len(asked) == 1:
            do(generations.rebuild, base.id, Model(WIDE, 768))
        return real(org_id, model, words)

    monkeypatch.setattr(retrieval, "embed_question", meanwhile)
    found = search(org.id, Question("how long do refunds take", [base.id]))
    assert asked == [LOCAL, WIDE]
    assert (names(found)[0], found.hits[0].vector_rank) == ("Refunds", 1)
    assert found.notices == ()


def test_or_isolation_vectors_and_words_of_another_organisation_are_never_found(
    do, acting, org, member, base
):
    do(sources.add_text, base.id, "Refunds", "Refunds of Acme take five days.")
    other = orgs.org()
    stranger = orgs.member(other)
    theirs = knowledge.base(other)
    knowledge.embedding(knowledge.chunk(knowledge.text(theirs), "Refunds of others"), {0: 1.0})
    acting(other, stranger)
    asked = Question("refunds take five days", top_k=100)
    assert [hit.passage.text for hit in search(other.id, asked).hits] == ["Refunds of others"]
    with pytest.raises(NotFound):
        search(other.id, Question("refunds", base_ids=[base.id]))
    acting(other, stranger)
    assert search(org.id, asked).hits == (), "the organisation of the transaction counts, not the argument"


def test_a_mix_of_generations_is_never_found(do, start, org, base, filled):
    asked = Question("refunds take days parcel", top_k=50)
    before = [hit.passage.id for hit in search(org.id, asked).hits]
    start(bases.change_base, base.id, 1, {**bases.values_of(base), "size": 20, "overlap": 5})
    with as_owner() as session:
        session.execute(text("UPDATE knowledge_base_chunks SET last_generation = 1"))
    knowledge.chunk(rows(knowledge.FreeformText)[0], "Refunds anew", first_generation=2)
    assert [hit.passage.id for hit in search(org.id, asked).hits] == before


def test_fusion_adds_likeness_and_covered_words():
    a, b, c = sorted(uuid4() for _ in range(3))
    fused = fuse([(a, 0.9), (b, 0.7), (c, 0.5)], [(b, 7.0, 1.0), (c, 5.0, 0.5)])
    assert [one.id for one in fused] == [b, a, c]
    assert [one.score for one in fused] == pytest.approx([0.4 * 0.5 + 0.6, 0.4, 0.6 * 0.5**6])
    assert [one.vector[0] for one in fused] == [2, 1, 3]
    compressed = fuse([(a, 0.99), (b, 0.97), (c, 0.95)], [(b, 7.0, 1.0), (c, 5.0, 0.5)])
    assert [one.score for one in compressed] == pytest.approx([one.score for one in fused])


def test_where_one_search_finds_nothing_the_other_decides():
    a, b = sorted(uuid4() for _ in range(2))
    words = fuse([], [(b, 7.0, 0.2), (a, 5.0, 0.9)])
    assert [(one.id, one.score) for one in words] == [(b, 7.0), (a, 5.0)]
    alike = fuse([(a, 0.9), (b, 0.8)], [])
    assert [(one.id, one.score) for one in alike] == [(a, 0.9), (b, 0.8)]
    assert fuse([(a, 0.9)], [(b, 7.0, 0.1)])[0].id == a
    assert fuse([], []) == []
