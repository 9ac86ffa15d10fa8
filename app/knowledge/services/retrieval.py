"""The search in knowledge bases: by likeness and by words, fused by what both say of a passage.

Embedding the question loads the model where it is asked, about 150 MB once per process, and takes some milliseconds.
"""

import re
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from pgvector import HalfVector

from app.knowledge.embedders.registry import EmbeddingFailed, Model
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.embeddings import EmbeddingsRepo, Near
from app.knowledge.repo.hits import HitsRepo, Shown, Words
from app.knowledge.repo.pages import PagesRepo
from app.knowledge.repo.scope import Scope
from app.knowledge.services.embedding import embed_question, model_of
from app.knowledge.services.reranking import MOST as MOST_RERANKED
from app.knowledge.services.reranking import NotReranked, reranked
from app.web.errors import NotFound

Leg = Literal["vector", "fulltext"]
LEGS: tuple[Leg, ...] = ("vector", "fulltext")
KINDS = ("file", "text", "table", "page")
"""The kinds of sources that a search can be narrowed to."""
LIKENESS, WORDS, STEEP = 0.4, 0.6, 6
"""Fusion adds LIKENESS times how like a passage is, 0 being the last one found and 1 the first, and WORDS times the
share of the question's words that it covers, rare ones weighing more, to the power of STEEP: words count once nearly
all are there. Decision 11 says how these numbers were chosen.
"""
DEPTH = 100
"""Passages that each leg finds at least, so that fusion has something to choose from."""
TOP_K = 8
MOST = 1_000
LONGEST = 2_000
EXACT_NUMBERS = 700_000
"""Numbers in all vectors up to which each is compared; it takes some 10 ms."""
BITS_ROWS = 20_000
"""Vectors up to which the signs of all are compared; beyond, the index is walked."""
TURNS = 5
"""How often a search begins again because another generation became live amid it."""
_OPERATORS = re.compile(r'"|(^|\s)-\w|\sor\s', re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """What to search for: `words` in these bases (None for all that are not archived).

    Of some sources or kinds of sources only (file, text, table, page), unless None; in the live generation, or in
    another one of the only base. At most `top_k` passages, of the bases' own number if None; by likeness only those
    that are at least `threshold` (-1 to 1) like the question, as the base says if None.
    An address among the sources stands for all its pages.
    """

    words: str
    base_ids: Sequence[UUID] | None = None
    source_ids: Sequence[UUID] | None = None
    kinds: Sequence[str] | None = None
    generation: int | None = None
    top_k: int | None = None
    threshold: float | None = None
    legs: Sequence[Leg] = LEGS


@dataclass(frozen=True)
class Hit:
    """A passage that was found. Ranks count from 1; None where a leg did not find it.

    With a `rerank_score` it stands where the base's model for that put it, whatever its score.
    """

    passage: Shown
    score: float
    vector_rank: int | None
    likeness: float | None
    fulltext_rank: int | None
    fulltext_score: float | None
    rerank_score: float | None = None


@dataclass(frozen=True)
class Found:
    """The hits, the best first, and how long each part took in milliseconds.

    The parts are embed, vector, fulltext, rerank, shown and total. `notices` are sentences about what did not work.
    """

    hits: tuple[Hit, ...]
    milliseconds: Mapping[str, float]
    notices: tuple[str, ...] = ()


@dataclass
class _Clock:
    """Milliseconds by part."""

    parts: dict[str, float] = field(default_factory=dict)
    _at: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        """Count the time since the last lap to a part."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + (now - self._at) * 1000
        self._at = now


def search(org_id: UUID, question: Question) -> Found:
    """Find passages, in each base of the one generation that was live all the while.

    If a base's model does not answer, its passages are searched by words and a notice says so; EmbeddingFailed if the
    question asks for likeness only. Raises NotFound for a base that is unknown or archived or lacks the generation,
    and ModelMissing.
    """
    search, words = _Search(org_id, question), clean(question.words)
    for turn in range(1, TURNS + 1):
        bases = KnowledgeBasesRepo().searchable(org_id, question.base_ids, question.generation)
        if question.base_ids is not None and len(bases) < len(set(question.base_ids)):
            raise NotFound
        if not bases or not words:
            return Found((), {})
        found = search.run(bases, words)
        if question.generation is not None or turn == TURNS or search.still(bases):
            break
    return found


def clean(words: str) -> str:
    """The words as searched: NFC, control characters as spaces, at most 2,000 characters."""
    spaced = "".join(" " if unicodedata.category(char) in {"Cc", "Cs"} else char for char in words)
    return " ".join(unicodedata.normalize("NFC", spaced).split())[:LONGEST]


@dataclass(frozen=True)
class Fused:
    """A passage with its ranks and scores by leg."""

    id: UUID
    score: float
    vector: tuple[int, float] | None
    fulltext: tuple[int, float] | None


def fuse(near: Sequence[tuple[UUID, float]], matching: Sequence[tuple[UUID, float, float]]) -> list[Fused]:
    """Two ranked lists as one, the best first; equal scores by rank, then id.

    `near` has the likeness of each passage, `matching` the score and the share of the question that it covers. Where
    one kind of search found nothing, the order and the scores are the other's.
    """
    by_vector = {chunk_id: (rank, score) for rank, (chunk_id, score) in enumerate(near, 1)}
    by_words = {chunk_id: (rank, score) for rank, (chunk_id, score, _) in enumerate(matching, 1)}
    shares = {chunk_id: share for chunk_id, _, share in matching}
    likeness = _spread(near)
    fused = []
    for chunk_id in by_vector.keys() | by_words.keys():
        places = by_vector.get(chunk_id), by_words.get(chunk_id)
        score = LIKENESS * likeness.get(chunk_id, 0.0) + WORDS * shares.get(chunk_id, 0.0) ** STEEP
        if not (near and matching):
            score = next(place[1] for place in places if place)
        fused.append(Fused(chunk_id, score, *places))
    return sorted(fused, key=_order)


def _spread(near: Sequence[tuple[UUID, float]]) -> dict[UUID, float]:
    """How like each passage is, from 0 for the last one found to 1 for the first, whatever a model calls alike."""
    if not near:
        return {}
    most, least = near[0][1], near[-1][1]
    return {chunk_id: (score - least) / (most - least) if most > least else 1.0 for chunk_id, score in near}


def _order(one: Fused) -> tuple[float, int, int, UUID]:
    return (
        -one.score,
        one.vector[0] if one.vector else MOST,
        one.fulltext[0] if one.fulltext else MOST,
        one.id,
    )


class _Search:
    """One question on its way. What was embedded is kept when it begins again."""

    def __init__(self, org_id: UUID, question: Question) -> None:
        self._org_id, self._question, self._clock = org_id, question, _Clock()
        self._vectors: dict[str, HalfVector] = {}
        self._notices: tuple[str, ...] = ()
        if question.source_ids is not None:
            self._question = replace(question, source_ids=PagesRepo().with_pages(org_id, question.source_ids))

    def run(self, bases: Sequence[Any], words: str) -> Found:
        """Ask both ways and fuse. Raises EmbeddingFailed, ModelMissing."""
        question, self._notices = self._question, ()
        top_k = min(question.top_k or _setting(bases, "top_k", TOP_K), MOST)
        depth = max(DEPTH, 2 * top_k)
        near: list[tuple[UUID, float]] = []
        if "vector" in question.legs:
            near = self._nearest(bases, words, depth)
        parsed = HitsRepo().words(words, exact=bool(_OPERATORS.search(words)))
        matching: list[tuple[UUID, float, float]] = []
        if "fulltext" in question.legs:
            matching = HitsRepo().matching(parsed, _scope(question, bases), depth)
        self._clock.lap("fulltext")
        fused, scores = self._ordered(bases, words, fuse(near, matching), top_k)
        hits = _shown(self._org_id, parsed, fused, scores)
        self._clock.lap("shown")
        parts = {name: round(value, 2) for name, value in self._clock.parts.items()}
        return Found(hits, {**parts, "total": round(sum(self._clock.parts.values()), 2)}, self._notices)

    def _ordered(
        self, bases: Sequence[Any], words: str, fused: Sequence[Fused], top_k: int
    ) -> tuple[Sequence[Fused], Mapping[UUID, float]]:
        """The best passages, and the scores by which the model of the only base put them into order, if it has one."""
        key = _setting(bases, "rerank", "")
        first = fused[:MOST_RERANKED]
        if not key or len(first) < 2:
            return fused[:top_k], {}
        shown = HitsRepo().shown(self._org_id, [one.id for one in first], Words("", ()))
        first = [one for one in first if one.id in shown]  # the others were deleted just now
        try:
            places = reranked(self._org_id, key, words, [shown[one.id].text for one in first])
        except NotReranked as error:
            self._notices = (*self._notices, f"The passages could not be reranked: {error}")
            return fused[:top_k], {}
        finally:
            self._clock.lap("rerank")
        scores = {first[place].id: score for place, score in places}
        best = [first[place] for place, _score in places]
        return [*best, *(one for one in fused if one.id not in scores)][:top_k], scores

    def still(self, bases: Sequence[Any]) -> bool:
        """Whether each base is searched in the generation that it was before."""
        now = KnowledgeBasesRepo().searched_now(self._org_id, [base.id for base in bases])
        return all(now.get(base.id, base.number) == base.number for base in bases)

    def _nearest(self, bases: Sequence[Any], words: str, depth: int) -> list[tuple[UUID, float]]:
        """The passages like the words, by the model of each base."""
        found: list[tuple[UUID, float]] = []
        for _key, group in groupby(sorted(bases, key=_key_of), key=_key_of):
            mine = list(group)
            model = model_of(mine[0])
            vector = self._vector(model, words)
            self._clock.lap("embed")
            if vector is None:
                continue
            path = path_of(sum(base.chunk_count for base in mine), model.dimensions)
            near = Near(vector, model.key, model.dimensions, _scope(self._question, mine), depth, path)
            found += EmbeddingsRepo().nearest(self._org_id, near)
            self._clock.lap("vector")
        least = self._question.threshold
        if least is None:
            least = _setting(bases, "threshold", 0.0)
        return sorted([one for one in found if one[1] >= least], key=lambda one: -one[1])[:depth]

    def _vector(self, model: Model, words: str) -> HalfVector | None:
        """The vector of the words; None, and a notice, if the model does not answer but words can be searched."""
        if model.key not in self._vectors:
            try:
                self._vectors[model.key] = embed_question(self._org_id, model, words)
            except EmbeddingFailed as error:
                if "fulltext" not in self._question.legs:
                    raise
                self._notices = (*self._notices, f"Likeness could not be searched: {error}")
                return None
        return self._vectors[model.key]


def _scope(question: Question, bases: Sequence[Any]) -> Scope:
    return Scope([base.id for base in bases], question.source_ids, question.kinds, question.generation)


def _key_of(base: Any) -> str:
    return model_of(base).key


def path_of(rows: int, dimensions: int) -> str:
    """How vectors are looked for, by how many there are to look through."""
    if rows * dimensions <= EXACT_NUMBERS:
        return "exact"
    return "bits" if rows <= BITS_ROWS else "hnsw"


def _setting(bases: Sequence[Any], name: str, otherwise: Any) -> Any:
    """What the bases say of a search: of one its own setting, of several what holds for all others."""
    return bases[0].retrieval.get(name, otherwise) if len(bases) == 1 else otherwise


def _shown(
    org_id: UUID, words: Words, fused: Sequence[Fused], scores: Mapping[UUID, float]
) -> tuple[Hit, ...]:
    shown = HitsRepo().shown(org_id, [one.id for one in fused], words) if fused else {}
    return tuple(_hit(shown[one.id], one, scores.get(one.id)) for one in fused if one.id in shown)


def _hit(passage: Shown, one: Fused, rerank_score: float | None) -> Hit:
    vector_rank, likeness = one.vector or (None, None)
    fulltext_rank, fulltext_score = one.fulltext or (None, None)
    return Hit(passage, one.score, vector_rank, likeness, fulltext_rank, fulltext_score, rerank_score)
