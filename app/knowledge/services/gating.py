"""Whether a built generation may take the place of the live one: it must answer the saved questions well enough."""

from uuid import UUID

from uuid_utils.compat import uuid7

from app.audit.services import record
from app.db.session import transaction
from app.db.work import Work
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.repo.tests import TestsRepo
from app.knowledge.services.judging import Figures, ask_generation
from app.knowledge.services.queueing import queue_generation
from app.web.errors import NotFound, Refusal

_LITTLE = 1e-9


def objection(work: Work, base_id: UUID, number: int) -> str | None:
    """Ask the saved questions of the live and of a built generation, if the base demands it; why not to swap."""
    with transaction():
        base = KnowledgeBasesRepo().get(work.org_id, base_id)
        asked = TestsRepo().count(work.org_id, base_id) if base else 0
    gate = base.retrieval.get("gate", "none") if base else "none"
    if base is None or base.archived or gate == "none" or not asked:
        return None
    turn = f"{uuid7()} "
    live = ask_generation(work, base, base.live_generation, turn)
    built = ask_generation(work, base, number, turn)
    least = live.recall if gate == "no_worse" else float(base.retrieval.get("least_recall", 1.0))
    return _words(live, built, least) if built.recall < least - _LITTLE else None


def hold_back(base: KnowledgeBase, number: int, reason: str) -> None:
    """Let a built generation of a locked base wait for a person to decide."""
    generation = GenerationsRepo().get(base.org_id, base.id, number)
    assert generation is not None
    GenerationsRepo().change(base.org_id, generation.id, {"status": "held", "error": reason})
    after = {"generation": number, "reason": reason}
    record("knowledge_base.hold", "knowledge_base", base.id, base.name, after=after)


def swap_anyway(org_id: UUID, base_id: UUID, number: int) -> None:
    """Have a worker make a held generation live whatever it finds, brought up to what the sources say now.

    Raises NotFound without such a generation, and Refusal 409 in an archived base.
    """
    base = KnowledgeBasesRepo().lock(org_id, base_id)
    generation = GenerationsRepo().get(org_id, base_id, number)
    if base is None or generation is None or generation.status != "held":
        raise NotFound
    if base.archived:
        raise Refusal(409, "This knowledge base is archived. Restore it first.")
    task_id = queue_generation(base_id, number, tested=False)
    values = {"status": "building", "error": None, "task_id": task_id}
    GenerationsRepo().change(org_id, generation.id, values)
    record(
        "knowledge_base.swap_anyway",
        "knowledge_base",
        base_id,
        base.name,
        before={"reason": generation.error},
        after={"generation": number},
    )


def _words(live: Figures, built: Figures, least: float) -> str:
    worse = sum(
        recall < live.by_test.get(test_id, 0.0) - _LITTLE for test_id, recall in built.by_test.items()
    )
    return (
        f"It finds {built.recall:.0%} of the expected passages, the live one {live.recall:.0%}; {least:.0%} are"
        f" demanded. {worse} of {len(built.by_test)} questions are answered worse."
    )
