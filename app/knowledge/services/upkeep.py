"""What workers look after in the knowledge bases of every organisation."""

from uuid import UUID

from app.audit.services import record
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.services.generations import give_up

BATCH = 100


def give_up_ended_builds() -> int:
    """Mark generations as failed whose task has failed or was cancelled, and undo what was built; how many."""
    use_scope(Scope())
    with transaction():
        found = GenerationsRepo().all_ended(BATCH)
    given_up = 0
    for org_id, base_id in found:
        use_scope(Scope(org_id))
        with transaction():
            given_up += _give_up(org_id, base_id)
    return given_up


def _give_up(org_id: UUID, base_id: UUID) -> bool:
    """Give up what is built of a base, if its task has still ended."""
    base, repo = KnowledgeBasesRepo().lock(org_id, base_id), GenerationsRepo()
    generation = repo.building(org_id, base_id) if base else None
    if base is None or generation is None or generation.status != "building":
        return False
    if not repo.ended(org_id, generation.id):
        return False
    reason = next(row.error for row in repo.listed(org_id, base_id) if row.number == generation.number)
    give_up(base, generation, reason or "Its task was cancelled.")
    record(
        "knowledge_base.fail",
        "knowledge_base",
        base_id,
        base.name,
        after={"generation": generation.number, "reason": reason},
    )
    return True
