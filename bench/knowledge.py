"""The search in knowledge bases: vectors by the ways there are to look for them, fusion, ingestion, quality."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from uuid import UUID

import bm25s

from app.knowledge.repo.embeddings import EmbeddingsRepo, Near
from app.knowledge.repo.scope import Scope
from app.knowledge.scoring import figures, read_collection
from app.knowledge.services import retrieval
from app.knowledge.services.retrieval import LEGS, Leg, Question, search
from bench.place import Statement
from bench.report import line, shown, table, times
from bench.rounds import race
from bench.vectors import MODEL, SERVER, SHARES, WIDTH, Asked, Filled, Place, drop_index, fill, index, place
from tests.support.cli import flask
from tests.support.database import SECRET_KEY, start_cluster
from tests.support.postgres import OWNER
from tests.support.web import ROOT

K = 10
FEW = 500
COLLECTION = ROOT / "tests" / "knowledge" / "collection"
PLAIN = """
    SELECT e.chunk_id FROM embeddings e WHERE e.knowledge_base_id = ANY (%s) AND e.dimensions = 3072
     ORDER BY e.embedding::halfvec(3072) <=> %s::halfvec(3072) LIMIT 10
"""
WIDTH_OF_WALK = "SELECT set_config('hnsw.ef_search', %s, true)"
DEFAULT, WIDEST = 40, 1_000
"""pgvector's `hnsw.ef_search` when nothing is said, and its largest."""
LEAST_RECALL = 0.99
Found = Callable[[Asked], list[UUID]]


def main(count: int, only: Sequence[str] | None) -> None:
    """Every table, or some of them, with so many vectors."""
    cluster = start_cluster(tuned=SERVER)
    try:
        if not only or {"filters", "growth", "hybrid"} & set(only):
            with place(cluster) as here:
                _vectors(here, count, only)
        if not only or "ingestion" in only:
            _ingestion(cluster.create_database("bench_ingestion"))
        if not only or "quality" in only:
            _quality(cluster.dsn("agentpress_template", OWNER))
    finally:
        cluster.remove()


def _vectors(here: Place, count: int, only: Sequence[str] | None) -> None:
    drop_index(here.bare)
    few, many = fill(here.bare, FEW, "few"), fill(here.bare, count, "many")
    index(here.bare)
    for name, measure in GROUPS.items():
        if not only or name in only:
            measure(here, few, many)


def _looking(here: Place, filled: Filled, bases: Sequence[UUID], path: str) -> Found:
    """A search by the product's statements of one path, through bare prepared psycopg."""
    sent: dict[Asked, list[Statement]] = {}

    def run(vector: Asked) -> list[UUID]:
        if vector not in sent:
            near = Near(vector, MODEL, WIDTH, Scope(bases), K, path)
            call = here.product(filled.org_id, partial(EmbeddingsRepo().nearest, filled.org_id, near))
            sent[vector] = [one for one in here.recorded(call) if "'role'" not in one[0]]
        with here.bare.transaction():
            answers = [
                here.bare.execute(statement, values, prepare=True).fetchall()
                for statement, values in sent[vector]
            ]
        return [row[0] for rows in answers for row in rows if isinstance(row[0], UUID)]

    return run


def _plain(here: Place, bases: Sequence[UUID], width: int = DEFAULT) -> Found:
    """A search as the plain design asks: the index walked for so many vectors, the filter applied to what it yields."""

    def run(vector: Asked) -> list[UUID]:
        with here.forced.transaction():
            here.forced.execute(WIDTH_OF_WALK, (str(width),), prepare=True)
            return [row[0] for row in here.forced.execute(PLAIN, (list(bases), vector), prepare=True)]

    return run


def _recall(found: Found, truth: dict[Asked, list[UUID]]) -> float:
    return statistics.mean(len(set(found(asked)) & set(right)) / len(right) for asked, right in truth.items())


def _filters(here: Place, _few: Filled, many: Filled) -> None:
    """Recall and time for filters of each size, beside the plain design in three widths.

    Its default, one that has ten rows after the filter, and the first that has its recall at LEAST_RECALL.
    """
    columns = ("filter, share of the rows", "path", "recall@10, ms", "exact", "plain HNSW")
    gains = ("wide enough for ten rows", "gain", "wide enough for recall 0.99", "gain", "goal")
    table(*columns, *gains)
    for number, share in enumerate(SHARES):
        bases = many.base_ids[: number + 1]
        path = retrieval.path_of(many.rows[number], WIDTH)
        asked = [vector for group in many.questions[: number + 1] for vector in group[:5]]
        exact = _looking(here, many, bases, "exact")
        truth = {vector: exact(vector) for vector in asked}
        ten = min(WIDEST, max(DEFAULT, round(K / share)))
        right = _width_of_recall(here, bases, ten, truth)
        finds = {
            "ours": _looking(here, many, bases, path),
            "exact": exact,
            "plain": _plain(here, bases),
            "ten": _plain(here, bases, ten),
            "right": _plain(here, bases, right),
        }
        best = race(
            {
                name: partial(lambda find, turn: find(next(turn)), find, cycle(asked))
                for name, find in finds.items()
            },
            here.ping,
        )
        cells = {name: f"{_recall(find, truth):.3f}, {shown(best[name].ms)}" for name, find in finds.items()}
        gain = {name: times(best[name].ms / best["ours"].ms) for name in ("ten", "right")}
        line(
            f"{share:.1%}",
            path,
            cells["ours"],
            shown(best["exact"].ms),
            cells["plain"],
            f"{ten:,}: {cells['ten']}",
            gain["ten"],
            f"{right:,}: {cells['right']}",
            gain["right"],
            _goal(share),
        )


def _width_of_recall(here: Place, bases: Sequence[UUID], least: int, truth: dict[Asked, list[UUID]]) -> int:
    """The first multiple of a width that finds LEAST_RECALL of what there is, or the widest there can be."""
    for width in range(least, WIDEST, least):
        if _recall(_plain(here, bases, width), truth) >= LEAST_RECALL:
            return width
    return WIDEST


def _goal(share: float) -> str:
    if share == 1:
        return "recall at least 0.95, not slower than exact"
    return "recall at least 0.99, not slower than exact" + (", gains at least 2.5×" if share <= 0.05 else "")


def _growth(here: Place, few: Filled, many: Filled) -> None:
    """The search of all bases of an organisation with few and with many vectors, and the paths that there are."""
    table("all bases of an organisation", "measured", "goal")
    spent = {}
    for name, filled in (("few", few), ("many", many)):
        path = retrieval.path_of(filled.rows[-1], WIDTH)
        find, asked = (
            _looking(here, filled, filled.base_ids, path),
            cycle(vector for group in filled.questions for vector in group),
        )
        spent[name] = race({name: partial(lambda find, turn: find(next(turn)), find, asked)}, here.ping)[
            name
        ].ms
        line(f"{filled.rows[-1]:,} vectors ({path}), ms", shown(spent[name]), "")
    line("growth", times(spent["many"] / spent["few"]), "at most 4×")
    table("path at a filter of so many rows, ms", "exact", "bits", "hnsw", "recall of bits", "recall of hnsw")
    for number, rows in enumerate(many.rows):
        bases = many.base_ids[: number + 1]
        asked = [vector for group in many.questions[: number + 1] for vector in group[:3]]
        finds = {path: _looking(here, many, bases, path) for path in ("exact", "bits", "hnsw")}
        truth = {vector: finds["exact"](vector) for vector in asked}
        best = race(
            {
                path: partial(lambda find, turn: find(next(turn)), find, cycle(asked))
                for path, find in finds.items()
            },
            here.ping,
        )
        recalls = [f"{_recall(finds[path], truth):.3f}" for path in ("bits", "hnsw")]
        line(f"{rows:,}", *(shown(best[path].ms) for path in finds), *recalls)


def _hybrid(here: Place, few: Filled, many: Filled) -> None:
    """The whole search beside its legs, the embedding of the question left out."""
    table("search for two words, ms", "likeness", "words", "both", "both to their sum", "goal")
    for filled in (few, many):
        turn = cycle(vector for group in filled.questions for vector in group)
        retrieval.embed_question = lambda *_given, turn=turn: next(turn)  # type: ignore[assignment]

        def ask(legs: Sequence[Leg], filled: Filled = filled) -> object:
            words = Question("word40x word300x", base_ids=filled.base_ids, legs=legs)
            return here.product(filled.org_id, partial(search, filled.org_id, words))()

        legs: dict[str, Sequence[Leg]] = {"likeness": ("vector",), "words": ("fulltext",), "both": LEGS}
        best = race({name: partial(ask, chosen) for name, chosen in legs.items()}, here.ping)
        ratio = best["both"].ms / (best["likeness"].ms + best["words"].ms)
        line(
            f"{filled.rows[-1]:,} passages",
            *(shown(best[name].ms) for name in legs),
            times(ratio),
            "at most 1.5×",
        )


GROUPS = {"filters": _filters, "growth": _growth, "hybrid": _hybrid}


def _ingestion(address: str) -> None:
    """A long text brought in by the local model, in a process of its own."""
    command = [sys.executable, "-m", "bench.ingestion", address]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    found = json.loads(done.stdout.splitlines()[-1])
    table("ingestion with the local model", "measured", "goal")
    line(f"{found['passages']:,} passages, s", f"{found['seconds']:.1f}", "")
    line("of that in model, reader and splitter", f"{found['share']:.0%}", "at least 90 %")
    line("largest memory of the process, MiB", f"{found['mib']:.0f}", "at most 600")


def _quality(address: str) -> None:
    """The project's collection, and bm25s on the same documents."""
    given = {"DATABASE_URL": address, "SECRET_KEY": SECRET_KEY}
    done = flask(given, "knowledge", "evaluate", str(COLLECTION), "--json", seconds=900)
    found = {**json.loads(done.stdout.splitlines()[-1]), "bm25s": _baseline()}
    names = ("ndcg@10", "recall@10", "recall@100", "mrr")
    table("the project's collection", *names, "goal")
    for mode, values in found.items():
        goal = "nDCG@10 at least each of the others" if mode == "hybrid" else ""
        line(mode, *(f"{values[name]:.3f}" for name in names), goal)


def _baseline() -> dict[str, float]:
    collection = read_collection(COLLECTION)
    documents = list(collection.documents())
    ranker = bm25s.BM25()
    texts = [f"{document.title}\n{document.text}" for document in documents]
    ranker.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    rankings = {}
    for query, words in collection.queries.items():
        asked = bm25s.tokenize([words], show_progress=False)
        (places,), _ = ranker.retrieve(asked, k=100, show_progress=False)
        rankings[query] = [documents[place].id for place in places]
    return figures(rankings, collection.judgements)
