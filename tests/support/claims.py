"""Tasks taken and done in the test's own process and transaction."""

from sqlalchemy import text

from app.db.session import transaction
from app.tasks.repo.runs import Claim, Ending
from app.tasks.worker.running import attempt, settle
from tests.support.apart import apart

WORKER = "00000000-0000-7000-8000-000000000001"
_CLAIM = text("SELECT * FROM claim_tasks(:worker, :queues, '', :limit, :org_limit, :share)")


def claims(
    limit: int = 10, org_limit: int = 10, share: int = 10, queues: list[str] | None = None
) -> list[Claim]:
    """Take tasks as a worker does."""
    values = {"limit": limit, "org_limit": org_limit, "share": share, "queues": queues, "worker": WORKER}
    with transaction() as session:
        rows = session.execute(_CLAIM, values).mappings().all()
    return [Claim(**{name: value for name, value in row.items() if name != "place"}) for row in rows]


def run(claim: Claim) -> tuple[Ending | None, bool]:
    """Do a task and settle it, in a thread as a worker does; how it ended, and whether that counts."""
    return apart(_done, claim)


def _done(claim: Claim) -> tuple[Ending | None, bool]:
    ending = attempt(claim, lambda *_: None)
    return ending, ending is not None and settle(claim.org_id, claim.task_id, claim.attempt, ending)
