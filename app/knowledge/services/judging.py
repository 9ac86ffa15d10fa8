"""Saved questions asked of generations: how many of the expected passages are found, at which ranks.

An expected passage is found by any passage of the same source that shares more than half of the shorter text of the
two, counted in runs of three words. So it is found in a generation with passages of another size, and after its source
was edited elsewhere; what the next passage merely repeats of it does not count.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from app.db.session import transaction
from app.db.work import Work
from app.knowledge.embedders.registry import EmbeddingFailed
from app.knowledge.models.sources import KnowledgeBase, RetrievalTest
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.repo.tests import TestsRepo
from app.knowledge.services.queueing import TestInput
from app.knowledge.services.retrieval import Hit, Question, search

TOP_K = 8
SHARED = 0.5
RUN_LENGTH = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Figures:
    """The means over all questions, and which of them found how much: recall by question."""

    recall: float
    mrr: float
    by_test: Mapping[UUID, float]


def ask(work: Work, given: TestInput) -> Mapping[str, Any]:
    """Ask all questions of a base of its live generation, and of one that is held back; the recall of each."""
    with transaction():
        base = KnowledgeBasesRepo().get(work.org_id, given.base_id)
        built = GenerationsRepo().building(work.org_id, given.base_id) if base else None
        numbers = [built.number] if built and built.status == "held" else []
    if base is None or base.archived:
        return {"gone": 1}
    asked = {number: ask_generation(work, base, number) for number in (base.live_generation, *numbers)}
    return {f"generation {number}": round(figures.recall, 4) for number, figures in asked.items()}


def ask_generation(work: Work, base: KnowledgeBase, number: int, turn: str = "") -> Figures:
    """Ask all questions of a generation, a step each, and store the answers as a run of this task; its figures.

    Another `turn` of the same task asks again, and its answers replace the former ones.
    """
    with transaction():
        tests = TestsRepo().all(work.org_id, base.id)
    run_id = run_of(work.task_id, number)
    by_test: dict[UUID, tuple[float, float]] = {}
    for done, test in enumerate(tests, 1):
        step = f"{turn}{number} {test.id}"
        answer = work.step(step, _asking(work.org_id, base, number, (test, run_id)))
        if answer is not None:
            by_test[test.id] = answer[0], answer[1]
        work.progress(done, len(tests), "questions")
    count = max(1, len(by_test))
    return Figures(
        sum(recall for recall, _ in by_test.values()) / count,
        sum(mrr for _, mrr in by_test.values()) / count,
        {test_id: recall for test_id, (recall, _) in by_test.items()},
    )


def run_of(task_id: UUID, number: int) -> UUID:
    """The id of the run in which a task asks a generation: the same in every attempt."""
    return uuid5(task_id, str(number))


def ranks(expected: Sequence[Mapping[str, Any]], hits: Sequence[Hit]) -> list[int | None]:
    """The rank of each expected passage among the hits, from 1; None for one that was not found."""
    found = [(str(hit.passage.source_id), _runs(hit.passage.text)) for hit in hits]
    ranked: list[int | None] = []
    for entry in expected:
        wanted = _runs(entry["text"])
        places = (
            rank
            for rank, (source_id, runs) in enumerate(found, 1)
            if source_id == entry["source_id"] and _same(wanted, runs)
        )
        ranked.append(next(places, None))
    return ranked


def _asking(
    org_id: UUID, base: KnowledgeBase, number: int, asked: tuple[RetrievalTest, UUID]
) -> Callable[[], list[float] | None]:
    test, run_id = asked
    test_id, question, expected = test.id, test.question, test.expected
    k = int(base.retrieval.get("top_k", TOP_K))

    def act() -> list[float] | None:
        generation = GenerationsRepo().get(org_id, base.id, number)
        if generation is None or not TestsRepo().some(org_id, base.id, [test_id]):
            return None  # deleted in the meantime
        found = search(org_id, Question(question, base_ids=[base.id], generation=number, top_k=k))
        if found.notices:
            raise EmbeddingFailed(found.notices[0])  # half a search is no measure of the generation
        places = ranks(expected, found.hits)
        good = [place for place in places if place is not None]
        recall, mrr = len(good) / max(1, len(places)), 1 / min(good) if good else 0.0
        values = {"retrieval_test_id": test_id, "generation_id": generation.id, "run_id": run_id}
        TestsRepo().note(org_id, {**values, "k": k, "recall": recall, "mrr": mrr, "ranks": places})
        return [recall, mrr]

    return act


def _runs(text: str) -> set[tuple[str, ...]]:
    """The runs of three words in a text, or all of its words if they are fewer."""
    words = _WORD.findall(text.lower())
    length = min(RUN_LENGTH, max(1, len(words)))
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def _same(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> bool:
    shorter = min(len(one), len(other))
    return shorter > 0 and len(one & other) > SHARED * shorter
