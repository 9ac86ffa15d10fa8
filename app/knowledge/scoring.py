"""How good a search is: collections of judged questions, and the figures that compare rankings with them.

A collection is a directory of the BEIR layout (Thakur et al., BEIR, 2021): `corpus.jsonl` with objects of `_id`,
`title` and `text`, `queries.jsonl` with objects of `_id` and `text`, and `qrels/test.tsv` with the columns query-id,
corpus-id and score, in which 0 means irrelevant.

The figures are those of trec_eval, which BEIR reports. With rel(i) the score of the document at rank i:

- nDCG@k = DCG@k / ideal DCG@k, DCG@k = sum of rel(i) / log2(i + 1) over the first k ranks; the ideal ranks the judged
  documents by their score (Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002);
- recall@k = relevant documents among the first k / all relevant documents;
- MRR = mean of 1 / rank of the first relevant document, 0 without one (Voorhees, The TREC-8 question answering track
  report, 1999).
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
JUDGEMENTS = "qrels/test.tsv"
_COLUMNS = ["query-id", "corpus-id", "score"]


class Unusable(Exception):
    """A directory that is no collection; the message names file, line and what is wrong with it."""


@dataclass(frozen=True)
class JudgedDocument:
    """A document of a collection; its title may be empty."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Collection:
    """The questions that have a relevant document, and the scores of the documents judged for each."""

    directory: Path
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]

    def documents(self) -> Iterator[JudgedDocument]:
        """Yield the documents as they are read; raises Unusable at the first that is wrong or occurs twice."""
        seen = set()
        for line, one in _objects(self.directory / CORPUS):
            document = JudgedDocument(
                _text(one, "_id", line), _text(one, "title", line, ""), _text(one, "text", line)
            )
            if document.id in seen:
                raise Unusable(f"{line}: the document {document.id} occurs twice.")
            seen.add(document.id)
            yield document
        if not seen:
            raise Unusable(f"{CORPUS} holds no document.")


def read_collection(directory: Path) -> Collection:
    """Return the collection in a directory, its documents still unread; raises Unusable.

    Questions without a relevant document are left out, as nothing can be found for them. A judged document that is
    missing from the corpus stays: it counts as never found.
    """
    missing = [name for name in (CORPUS, QUERIES, JUDGEMENTS) if not (directory / name).is_file()]
    if missing:
        raise Unusable(f"{directory} is no collection: {' and '.join(missing)} missing.")
    asked: dict[str, str] = {}
    for line, one in _objects(directory / QUERIES):
        query = _text(one, "_id", line)
        if query in asked:
            raise Unusable(f"{line}: the query {query} occurs twice.")
        asked[query] = _text(one, "text", line)
    judged = _judgements(directory / JUDGEMENTS)
    judged = {
        query: scores for query, scores in judged.items() if any(score > 0 for score in scores.values())
    }
    if not judged:
        raise Unusable(f"{JUDGEMENTS} holds no relevant document.")
    unknown = next((query for query in judged if query not in asked), None)
    if unknown is not None:
        raise Unusable(f"{JUDGEMENTS} judges the query {unknown}, which {QUERIES} does not hold.")
    return Collection(directory, {query: asked[query] for query in judged}, judged)


def ndcg(ranked: Sequence[str], judged: Mapping[str, int], k: int = 10) -> float:
    """Return nDCG@k of document ids in order of their rank, 0 to 1."""
    best = _gain(sorted(judged.values(), reverse=True)[:k])
    return _gain([judged.get(document, 0) for document in ranked[:k]]) / best if best else 0.0


def recall(ranked: Sequence[str], judged: Mapping[str, int], k: int) -> float:
    """Return the share of the relevant documents among the first k, 0 to 1."""
    relevant = {document for document, score in judged.items() if score > 0}
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    """Return 1 / the rank of the first relevant document, 0 without one."""
    return next((1 / rank for rank, document in enumerate(ranked, 1) if judged.get(document, 0) > 0), 0.0)


def figures(
    rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """Return the means of nDCG@10, recall@10, recall@100 and MRR over all judged queries.

    `rankings` has the ids found for each query, best first, no id twice; a query without a ranking found nothing.
    """
    pairs = [(rankings.get(query, ()), judged) for query, judged in judgements.items()]
    count = max(1, len(pairs))
    return {
        "ndcg@10": sum(ndcg(ranked, judged) for ranked, judged in pairs) / count,
        "recall@10": sum(recall(ranked, judged, 10) for ranked, judged in pairs) / count,
        "recall@100": sum(recall(ranked, judged, 100) for ranked, judged in pairs) / count,
        "mrr": sum(reciprocal_rank(ranked, judged) for ranked, judged in pairs) / count,
    }


def _gain(scores: Sequence[int]) -> float:
    return sum(max(score, 0) / math.log2(rank + 1) for rank, score in enumerate(scores, 1))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line that is not blank with its place."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path.name}, line {number}", line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Unusable(f"{path.name} is not UTF-8.") from error


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, line in _lines(path):
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unusable(f"{place}: this is no JSON.") from error
        if not isinstance(one, dict):
            raise Unusable(f"{place}: this is no JSON object.")
        yield place, one


def _text(one: dict[str, Any], key: str, place: str, absent: str | None = None) -> str:
    value = one.get(key, absent)
    if not isinstance(value, str) or (key == "_id" and not value):
        raise Unusable(f"{place}: {key} must be text.")
    return value


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    lines = _lines(path)
    head = [line.split("\t") for _, line in islice(lines, 1)]
    if head != [_COLUMNS]:
        raise Unusable(f"{JUDGEMENTS} must begin with the columns {', '.join(_COLUMNS)}, parted by tabs.")
    judged: dict[str, dict[str, int]] = {}
    for place, line in lines:
        values = line.split("\t")
        if len(values) != len(_COLUMNS):
            raise Unusable(f"{place}: three values parted by tabs are needed, not {len(values)}.")
        query, document, score = values
        try:
            judged.setdefault(query, {})[document] = int(score)
        except ValueError as error:
            raise Unusable(f"{place}: the score {score} is no whole number.") from error
    return judged
