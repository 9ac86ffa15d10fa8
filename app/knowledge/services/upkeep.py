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


def give_up_build(org_id: UUID, base_id: UUID, number: int, reason: str) -> None:
    """Mark a generation as failed whose task ends other than well, and undo what was built."""
    base, repo = KnowledgeBasesRepo().lock(org_id, base_id), GenerationsRepo()
    generation = repo.building(org_id, base_id) if base else None
    if base is None or generation is None or (generation.number, generation.status) != (number, "building"):
        return
    give_up(base, generation, "Its task was cancelled." if reason == "cancelled" else reason)
    after = {"generation": number, "reason": reason}
    record("knowledge_base.fail", "knowledge_base", base_id, base.name, after=after)
