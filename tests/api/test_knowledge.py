"""The search in knowledge bases by key."""

import pytest

from app.knowledge.embedders import registry
from tests.factories import knowledge
from tests.support import embedder

SEARCH = "/api/v1/knowledge/search"


@pytest.fixture(autouse=True)
def quick_model(monkeypatch):
    monkeypatch.setattr(registry, "MODELS", embedder.MODELS)
    registry._model.cache_clear()
    yield
    registry._model.cache_clear()


def test_passages_are_found(ours, home):
    answer = ours.get(f"{SEARCH}?q=homecanary passage")
    assert answer.status_code == 200, answer.text
    (hit,) = answer.json["data"]
    passage, base = home.rows["knowledge_base_chunks"], home.rows["knowledge_bases"]
    assert hit["chunk_id"] == str(passage.id)
    assert (hit["base_id"], hit["base_name"]) == (str(base.id), base.name)
    assert (hit["source_kind"], hit["source_name"]) == ("file", "Homecanary.md")
    assert (hit["text"], hit["start_offset"], hit["end_offset"]) == (passage.text, 0, len(passage.text))
    assert hit["fulltext_rank"] == 1
    assert {"text": "Homecanary", "matches": True} in hit["pieces"]
    assert answer.json["milliseconds"]["total"] > 0


def test_filters_and_bounds(ours, home):
    base, source = home.rows["knowledge_bases"], home.rows["knowledge_base_files"]
    empty = knowledge.base(home.org)
    text = home.rows["knowledge_base_freeform_texts"]
    asked = f"{SEARCH}?q=passage"
    for query, count in (
        (f"base={base.id}", 1),
        (f"base={empty.id}", 0),
        (f"source={source.id}", 1),
        (f"source={text.id}", 0),
        ("leg=fulltext", 1),
        ("leg=vector&threshold=0.999", 0),
        ("top_k=1", 1),
    ):
        answer = ours.get(f"{asked}&{query}")
        assert (answer.status_code, len(answer.json["data"])) == (200, count), query


def test_or_isolation_another_organisation_s_base_does_not_exist(ours, theirs):
    answer = ours.get(f"{SEARCH}?q=passage&base={theirs.rows['knowledge_bases'].id}")
    assert answer.status_code == 404
    source = theirs.rows["knowledge_base_files"].id
    assert ours.get(f"{SEARCH}?q=theircanary&source={source}").json["data"] == []
    assert "Theircanary" not in ours.get(f"{SEARCH}?q=theircanary passage").text


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20", "q=x&page=2", "q=x&base=y", "q=x&top_k=0", "q=x&top_k=101", "q=x&top_k=a", "q=x&q=y",
     "q=x&threshold=2", "q=x&threshold=nan", "q=x&threshold=-1", "q=x&leg=both", "q=" + "x" * 2_001],
)  # fmt: skip
def test_a_wrong_search_is_named(ours, home, query):
    answer = ours.get(f"{SEARCH}?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"]


def test_the_longest_question_is_named(ours):
    answer = ours.get(SEARCH, query_string={"q": "x" * 2_001})
    assert "Give 1 to 2,000 characters." in answer.text


def test_strange_words_find_nothing_and_break_nothing(ours, home):
    for words in ("%00", "%F0%9F%9A%80", "' | & ! \\ :* <-> ()", "\u202e", "-a", "or", '"'):
        assert ours.get(SEARCH, query_string={"q": words}).status_code in {200, 422}
