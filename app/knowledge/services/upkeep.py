"""What workers look after in the knowledge bases of every organisation."""

from uuid import UUID

from app.audit.services import record
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.repo.pages import Due, PagesRepo, next_crawl
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.generations import give_up
from app.knowledge.services.queueing import CRAWL, queue_crawl
from app.web.access import role_has

BATCH = 100
NO_LONGER_PERMITTED = "no longer permitted: whoever set this up has lost the right to do it"


def queue_due_crawls() -> int:
    """Have addresses crawled again whose time has come, each once however many workers look; how many."""
    use_scope(Scope())
    with transaction():
        found = PagesRepo().all_due(BATCH)
    queued = 0
    for org_id, source_id in found:
        use_scope(Scope(org_id, actor_label="schedule"))
        with transaction():
            queued += _crawl_again(org_id, source_id)
    return queued


def _crawl_again(org_id: UUID, source_id: UUID) -> bool:
    """Queue a crawl in the name of whoever set the address up, if it is still due, or stop refreshing it."""
    repo = PagesRepo()
    base_id = repo.base_of(org_id, source_id)
    base = KnowledgeBasesRepo().lock(org_id, base_id) if base_id else None
    due = repo.due(org_id, source_id) if base else None
    if due is None:
        return False
    if not role_has(due.role, CRAWL.right):
        _stop(org_id, due)
        return False
    values = {"next_crawl_at": next_crawl(due.web.refresh_seconds)}
    wanted = due.idle and due.web.enabled and not due.archived
    if wanted:
        use_scope(Scope(org_id, due.web.created_by, "schedule"))
        task_id = queue_crawl(due.web.knowledge_base_id, source_id, trigger="schedule")
        values |= {"task_id": task_id, "status": "queued", "progress": 0, "error": None}
    SourcesRepo().change(org_id, "web", source_id, values)
    return wanted


def _stop(org_id: UUID, due: Due) -> None:
    SourcesRepo().change(org_id, "web", due.web.id, {"next_crawl_at": None})
    record(
        "knowledge_source.stop",
        "knowledge_web",
        due.web.id,
        due.web.url,
        after={"reason": NO_LONGER_PERMITTED},
    )


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
