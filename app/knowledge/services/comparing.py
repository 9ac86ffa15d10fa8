"""Two runs of the saved questions of a base side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.knowledge.repo.tests import Answered

Verdict = Literal["won", "lost", "same", "only"]
ORDER: tuple[Verdict, ...] = ("lost", "won", "only", "same")


@dataclass(frozen=True)
class Compared:
    """A question in two runs: `won` if the later one found more of it or found it higher up, `only` if asked once."""

    test_id: UUID
    question: str
    before: Answered | None
    after: Answered | None
    verdict: Verdict


def compare(before: Sequence[Answered], after: Sequence[Answered]) -> list[Compared]:
    """Each question of two runs, those that were lost first."""
    first = {answer.test_id: answer for answer in before}
    second = {answer.test_id: answer for answer in after}
    names = {answer.test_id: answer.question for answer in (*before, *after)}
    found = [
        Compared(test_id, words, first.get(test_id), second.get(test_id), _verdict(first, second, test_id))
        for test_id, words in names.items()
    ]
    return sorted(found, key=lambda one: (ORDER.index(one.verdict), one.question))


def _verdict(first: dict[UUID, Answered], second: dict[UUID, Answered], test_id: UUID) -> Verdict:
    if test_id not in first or test_id not in second:
        return "only"
    one, other = first[test_id], second[test_id]
    if (one.recall, one.mrr) == (other.recall, other.mrr):
        return "same"
    return "won" if (other.recall, other.mrr) > (one.recall, one.mrr) else "lost"
