"""Runs of evaluation cases: begun by people, each a task, told apart by what exactly was asked."""

from uuid import UUID

from app.agents.repo.evaluations import EvaluationRepo
from app.agents.repo.versions import Draft, VersionRepo
from app.db.queue import enqueue
from app.db.scope import current_scope
from app.db.work import Kind, TaskInput
from app.late import later
from app.orgs.repo.spending import SpendRepo
from app.web.errors import NotFound, Refusal

SECONDS = 24 * 3_600
"""All cases of a run together; each has the agent's own limit."""


class EvaluateInput(TaskInput):
    """The run that waits to be done."""

    run_id: UUID
    agent_id: UUID


def begin_run(org_id: UUID, draft: Draft, number: int | None, trigger: str = "person") -> UUID:
    """Have a worker ask the enabled cases of a version, or of the draft as it is now; the id of the run.

    Raises NotFound for an unknown version, Refusal 409 without an enabled case.
    """
    agent_id, snapshot = draft.agent.id, draft.snapshot
    if number is not None:
        version = VersionRepo().numbered(org_id, agent_id, [number]).get(number)
        if version is None:
            raise NotFound
        snapshot = version.snapshot
    cases = EvaluationRepo().cases(org_id, agent_id, enabled=True)
    if not cases:
        raise Refusal(409, "There is no case to ask. Save one, or switch one on.")
    values = {
        "agent_id": agent_id,
        "version_number": number,
        "snapshot": snapshot.stored(),
        "content_hash": snapshot.digest(),
        "judge_connection_id": draft.agent.judge_connection_id,
        "judge_model": draft.agent.judge_model,
        "total": len(cases),
        "created_by": current_scope().user_id,
    }
    run_id = EvaluationRepo().add_run(org_id, values)
    given = EvaluateInput(run_id=run_id, agent_id=agent_id)
    task_id = enqueue(EVALUATE, given, agent_id=agent_id, trigger=trigger)
    EvaluationRepo().change_run(org_id, run_id, {"task_id": task_id})
    return run_id


def close_run(org_id: UUID, task_id: UUID, given: EvaluateInput, reason: str) -> None:
    """Say that a run ended early; what was answered stays, and nothing is held for it any more."""
    SpendRepo().release(org_id, task_id)
    status = "stopped" if reason == "cancelled" else "failed"
    values = {"status": status, "error": None if status == "stopped" else reason}
    EvaluationRepo().change_run(org_id, given.run_id, values)


EVALUATE = Kind(
    name="agent.evaluate",
    title="Evaluation of an agent",
    given=EvaluateInput,
    run=later("app.runtime.services.evaluating:evaluate"),
    right="agents.run",
    seconds=SECONDS,
    ended=close_run,
)
