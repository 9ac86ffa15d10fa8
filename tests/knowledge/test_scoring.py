"""The figures, worked out by hand, and the collections they are made from."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from app.knowledge import scoring
from app.knowledge.embedders.minilm import MiniLM
from app.knowledge.scoring import Unusable, figures, ndcg, read_collection, recall, reciprocal_rank

COLLECTION = Path(__file__).parent / "collection"
JUDGED = {"a": 2, "b": 1, "c": 1, "z": 0}


@pytest.mark.parametrize(
    ("ranked", "k", "expected"),
    [
        (["a", "b", "c"], 10, 1.0),
        (["a", "c", "b", "x"], 10, 1.0),
        ([], 10, 0.0),
        (["x", "z"], 10, 0.0),
        (["x", "a"], 10, (2 / math.log2(3)) / (2 + 1 / math.log2(3) + 1 / 2)),
        (["b", "x", "a"], 10, (1 + 2 / 2) / (2 + 1 / math.log2(3) + 1 / 2)),
        (["b", "a"], 1, 1 / 2),
        ([*"0123456789", "a"], 10, 0.0),
    ],
)
def test_ndcg(ranked, k, expected):
    assert ndcg(ranked, JUDGED, k) == pytest.approx(expected)


def test_recall_counts_what_is_relevant():
    assert recall(["x", "a", "z", "b"], JUDGED, 2) == pytest.approx(1 / 3)
    assert recall(["x", "a", "z", "b"], JUDGED, 10) == pytest.approx(2 / 3)
    assert recall([], JUDGED, 10) == 0
    assert recall(["z"], {"z": 0}, 10) == 0


def test_the_reciprocal_rank_is_that_of_the_first_relevant_document():
    assert reciprocal_rank(["z", "x", "b", "a"], JUDGED) == pytest.approx(1 / 3)
    assert reciprocal_rank(["z", "x"], JUDGED) == 0


def test_figures_are_means_over_all_judged_queries():
    found = figures({"one": ["a", "b", "c"], "other": ["a"]}, {"one": JUDGED, "two": {"d": 1}})
    assert found == {"ndcg@10": 0.5, "recall@10": 0.5, "recall@100": 0.5, "mrr": 0.5}
    assert set(figures({}, {}).values()) == {0.0}


# Reading


def write(directory, corpus=None, queries=None, judgements="q1\td1\t1\n"):
    (directory / "qrels").mkdir()
    corpus = corpus or [{"_id": "d1", "title": "T", "text": "Text"}, {"_id": "d2", "text": "No title"}]
    queries = queries or [{"_id": "q1", "text": "Asked?"}, {"_id": "q2", "text": "Of the training set"}]
    for name, lines in (("corpus.jsonl", corpus), ("queries.jsonl", queries)):
        text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
        (directory / name).write_text(text, encoding="utf-8")
    head = "query-id\tcorpus-id\tscore\n"
    (directory / "qrels" / "test.tsv").write_text(head + judgements, encoding="utf-8")
    return directory


def refusal(directory):
    with pytest.raises(Unusable) as refused:
        list(read_collection(directory).documents())
    return str(refused.value)


def test_a_collection_holds_documents_and_the_queries_that_can_be_judged(tmp_path):
    judgements = "q1\td1\t2\nq1\td9\t1\nq1\td2\t0\nq2\td1\t0\n"
    found = read_collection(write(tmp_path, judgements=judgements))
    assert found.queries == {"q1": "Asked?"}
    assert found.judgements == {"q1": {"d1": 2, "d9": 1, "d2": 0}}
    assert [(one.id, one.title, one.text) for one in found.documents()] == [
        ("d1", "T", "Text"),
        ("d2", "", "No title"),
    ]


def test_a_directory_that_is_none_names_what_is_missing(tmp_path):
    (tmp_path / "corpus.jsonl").touch()
    assert refusal(tmp_path) == f"{tmp_path} is no collection: queries.jsonl and qrels/test.tsv missing."


@pytest.mark.parametrize(
    ("corpus", "reason"),
    [
        (["{"], "corpus.jsonl, line 1: this is no JSON."),
        (["[" * 100_000], "corpus.jsonl, line 1: this is no JSON."),
        (["", "[]"], "corpus.jsonl, line 2: this is no JSON object."),
        ([{"_id": 1, "text": "x"}], "corpus.jsonl, line 1: _id must be text."),
        ([{"_id": "", "text": "x"}], "corpus.jsonl, line 1: _id must be text."),
        ([{"_id": "d"}], "corpus.jsonl, line 1: text must be text."),
        ([{"_id": "d", "title": None, "text": "x"}], "corpus.jsonl, line 1: title must be text."),
        ([{"_id": "d", "text": "x"}] * 2, "corpus.jsonl, line 2: the document d occurs twice."),
        ([""], "corpus.jsonl holds no document."),
    ],
)
def test_a_wrong_document_is_named_with_its_line(tmp_path, corpus, reason):
    assert refusal(write(tmp_path, corpus=corpus)) == reason


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        (["nonsense"], "queries.jsonl, line 1: this is no JSON."),
        ([{"_id": "q1", "text": "x"}] * 2, "queries.jsonl, line 2: the query q1 occurs twice."),
        (
            [{"_id": "q3", "text": "x"}],
            "qrels/test.tsv judges the query q1, which queries.jsonl does not hold.",
        ),
    ],
)
def test_a_wrong_query_is_named(tmp_path, queries, reason):
    assert refusal(write(tmp_path, queries=queries)) == reason


@pytest.mark.parametrize(
    ("judgements", "reason"),
    [
        ("q1 d1 1\n", "test.tsv, line 2: three values parted by tabs are needed, not 1."),
        ("q1\t0\td1\t1\n", "test.tsv, line 2: three values parted by tabs are needed, not 4."),
        ("q1\td1\thigh\n", "test.tsv, line 2: the score high is no whole number."),
        ("q1\td1\t0\n", "qrels/test.tsv holds no relevant document."),
        ("", "qrels/test.tsv holds no relevant document."),
    ],
)
def test_wrong_judgements_are_named(tmp_path, judgements, reason):
    assert refusal(write(tmp_path, judgements=judgements)) == reason


def test_judgements_without_their_head_are_refused(tmp_path):
    directory = write(tmp_path)
    (directory / "qrels" / "test.tsv").write_text("q1\td1\t1\n", encoding="utf-8")
    columns = "query-id, corpus-id, score"
    assert refusal(directory) == f"qrels/test.tsv must begin with the columns {columns}, parted by tabs."


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    directory = write(tmp_path)
    (directory / "corpus.jsonl").write_bytes(b"\xff\xfe\x00")
    assert refusal(directory) == "corpus.jsonl is not UTF-8."


# The project's own collection


@pytest.fixture(scope="module")
def collection():
    return read_collection(COLLECTION)


def test_the_collection_is_large_and_whole(collection):
    documents = list(collection.documents())
    assert len(documents) >= 300
    assert len(collection.queries) >= 60
    assert len({one.text for one in documents}) == len(documents)
    judged = {document for scores in collection.judgements.values() for document in scores}
    assert judged <= {one.id for one in documents}
    assert (COLLECTION / scoring.QUERIES).read_text(encoding="utf-8").count("\n") == len(collection.queries)


def test_the_local_model_finds_far_more_than_chance(collection):
    documents = list(collection.documents())
    model = MiniLM()
    vectors = model.embed([f"{one.title}\n{one.text}" for one in documents])
    asked = model.embed(list(collection.queries.values()))
    order = np.argsort(-(asked @ vectors.T), axis=1)[:, :100]
    found = {
        query: [documents[at].id for at in row] for query, row in zip(collection.queries, order, strict=True)
    }
    chance = random.Random(7)
    shuffled = {query: chance.sample([one.id for one in documents], 100) for query in collection.queries}
    by_model, by_chance = figures(found, collection.judgements), figures(shuffled, collection.judgements)
    assert by_chance["ndcg@10"] < 0.1
    assert by_model["ndcg@10"] > 0.75
    assert by_model["recall@100"] > 0.95
    assert by_model["mrr"] > 0.75
