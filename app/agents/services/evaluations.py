"""Evaluation cases of agents, and what they must say before an agent is published."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.agents.models import Agent
from app.agents.repo.evaluations import CaseRow, EvaluationRepo, ResultRow, RunRow
from app.agents.repo.gates import GateRepo
from app.agents.repo.versions import Draft
from app.agents.services.judges import chosen_judge, judge_of, offered_judges
from app.audit.services import record
from app.db.scope import current_scope
from app.web.errors import NotFound, Refusal

MOST_CASES = 100
"""Cases of an agent."""
_ASK = "Run the evaluation cases against the draft first: this agent is published only when they pass."


def add_case(org_id: UUID, draft: Draft, values: Mapping[str, Any]) -> UUID:
    """Keep a case of an agent; its id. Raises Refusal 409 for the one that is too many."""
    if EvaluationRepo().hold_number(org_id, draft.agent.id) >= MOST_CASES:
        raise Refusal(409, f"An agent keeps at most {MOST_CASES} evaluation cases. Delete some first.")
    kept = {**values, "agent_id": draft.agent.id, "created_by": current_scope().user_id}
    case_id = EvaluationRepo().add_case(org_id, kept)
    _record("create", case_id, values["name"], None, _told(values))
    return case_id


def change_case(org_id: UUID, case: CaseRow, lock_version: int, values: Mapping[str, Any]) -> bool:
    """Change a case that was read at `lock_version`; whether it was: not if somebody else changed it since."""
    if not EvaluationRepo().change_case(org_id, case.id, lock_version, values):
        return False
    before = {"name": case.name, "enabled": case.enabled, "checks": case.checks}
    _record("change", case.id, values["name"], _told(before), _told(values))
    return True


def delete_case(org_id: UUID, case: CaseRow) -> None:
    """Delete a case; its results stay with the runs."""
    EvaluationRepo().remove_case(org_id, case.id)
    _record("delete", case.id, case.name, {"checks": len(case.checks)}, None)


def found_case(org_id: UUID, agent_id: UUID, case_id: UUID) -> CaseRow:
    """A case of an agent. Raises NotFound."""
    case = EvaluationRepo().case(org_id, agent_id, case_id)
    if case is None:
        raise NotFound
    return case


def found_run(org_id: UUID, agent_id: UUID, run_id: UUID) -> RunRow:
    """A run of an agent. Raises NotFound."""
    run = EvaluationRepo().run(org_id, agent_id, run_id)
    if run is None:
        raise NotFound
    return run


def set_demands(org_id: UUID, agent: Agent, gate: str, judge: str) -> None:
    """Say what the cases must say before the agent is published, and who judges them. Raises Refusal 422."""
    former, offered = judge_of(agent), offered_judges(org_id, agent)
    values: dict[str, Any] = {}
    before, after = {}, {}
    if gate != agent.evaluation_gate:
        values["evaluation_gate"] = gate
        before["evaluation_gate"], after["evaluation_gate"] = agent.evaluation_gate, gate
    if judge != former:
        values |= chosen_judge(org_id, judge, offered)
        before["judge"], after["judge"] = offered[former], offered[judge]
    if values:
        GateRepo().change(org_id, agent.id, values)
        record("agent.change", "agent", agent.id, agent.name, before=before, after=after)


def gate_fault(org_id: UUID, draft: Draft) -> str:
    """Why the cases keep a draft from being published; empty if they do not.

    What counts is the newest finished run of exactly this draft, with the judge and every enabled case as they are now.
    """
    gate = draft.agent.evaluation_gate
    if gate == "none":
        return ""
    cases = EvaluationRepo().cases(org_id, draft.agent.id, enabled=True)
    if not cases:
        return "This agent is published only when its evaluation cases pass, and it has none. Save one first."
    passed = _passed(org_id, draft.agent, draft.snapshot.digest(), cases)
    if passed is None:
        return _ASK
    if gate == "all" or draft.latest is None:
        left = len(cases) - passed
        return f"{left} of {len(cases)} evaluation cases do not pass." if left else ""
    former = _passed(org_id, draft.agent, draft.latest.content_hash, cases)
    if former is None:
        return f"Run the evaluation cases against version {draft.latest.number} first, to compare with it."
    fewer = f"{passed} evaluation cases pass, {former} did with version {draft.latest.number}."
    return fewer if passed < former else ""


def _passed(org_id: UUID, agent: Agent, digest: bytes, cases: Sequence[CaseRow]) -> int | None:
    """How many of the cases passed; None without a finished run of all of them as they are now."""
    run = EvaluationRepo().newest_of(org_id, agent, digest)
    if run is None:
        return None
    results = {(row.case_id, row.case_version): row for row in EvaluationRepo().results(org_id, [run.id])}
    found = [results.get((case.id, case.lock_version)) for case in cases]
    return None if None in found else sum(row.passed for row in found if row)


def compared(
    before: Sequence[ResultRow], after: Sequence[ResultRow]
) -> list[tuple[str, str, ResultRow | None, ResultRow | None]]:
    """Two runs case by case: name, verdict (lost, won, same, only), both results; what was lost stands first."""
    former = {row.case_id or row.id: row for row in before}
    later = {row.case_id or row.id: row for row in after}
    pairs = [(former.get(key), later.get(key)) for key in former | later]
    found = [(_name(one, other), _verdict(one, other), one, other) for one, other in pairs]
    order = ["lost", "won", "same", "only"]
    return sorted(found, key=lambda row: (order.index(row[1]), row[0].lower()))


def _name(before: ResultRow | None, after: ResultRow | None) -> str:
    row = after or before
    return row.name if row else ""


def _verdict(before: ResultRow | None, after: ResultRow | None) -> str:
    if before is None or after is None:
        return "only"
    if before.passed == after.passed:
        return "same"
    return "won" if after.passed else "lost"


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": values["name"], "enabled": values["enabled"], "checks": len(values["checks"])}


def _record(
    verb: str, case_id: UUID, name: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    record(f"evaluation_case.{verb}", "evaluation_case", case_id, name, before=before, after=after)
