"""Evaluation cases, runs and results in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.agents.models import Agent, EvaluationCase, EvaluationResult, EvaluationRun
from app.db.base import db

MOST_RUNS = 50


@dataclass(frozen=True)
class CaseRow:
    """A case of an agent."""

    id: UUID
    agent_id: UUID
    name: str
    turns: list[dict[str, Any]]
    variables: dict[str, str]
    checks: list[dict[str, Any]]
    source_thread_id: UUID | None
    source_message_id: UUID | None
    enabled: bool
    lock_version: int


@dataclass(frozen=True)
class RunRow:
    """A run of cases; without a number it was the draft of its time, without a judge the agent's own model judges."""

    id: UUID
    agent_id: UUID
    version_number: int | None
    content_hash: bytes
    status: str
    error: str | None
    total: int
    passed: int
    task_id: UUID | None
    created_at: datetime
    judge_connection_id: UUID | None
    judge_model: str | None


@dataclass(frozen=True)
class ResultRow:
    """How a case was answered."""

    id: UUID
    run_id: UUID
    case_id: UUID | None
    case_version: int
    name: str
    passed: bool
    checks: list[dict[str, Any]]
    answer: str
    input_tokens: int
    output_tokens: int
    cost_micros: int | None
    latency_ms: int


def _columns(model: Any, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(model, name) for name in row.__dataclass_fields__)


_CASE = _columns(EvaluationCase, CaseRow)
_RUN = _columns(EvaluationRun, RunRow)
_RESULT = _columns(EvaluationResult, ResultRow)


class EvaluationRepo:
    """Evaluations of the agents of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def cases(self, org_id: UUID, agent_id: UUID, *, enabled: bool = False) -> list[CaseRow]:
        """The cases of an agent in order of name; with `enabled` only those that are asked."""
        statement = select(*_CASE).where(EvaluationCase.org_id == org_id, EvaluationCase.agent_id == agent_id)
        if enabled:
            statement = statement.where(EvaluationCase.enabled)
        ordered = statement.order_by(func.lower(EvaluationCase.name), EvaluationCase.id)
        return [CaseRow(*row) for row in self._session.execute(ordered)]

    def case(self, org_id: UUID, agent_id: UUID, case_id: UUID) -> CaseRow | None:
        """One case of an agent."""
        row = self._session.execute(
            select(*_CASE).where(
                EvaluationCase.org_id == org_id,
                EvaluationCase.agent_id == agent_id,
                EvaluationCase.id == case_id,
            )
        ).one_or_none()
        return None if row is None else CaseRow(*row)

    def case_there(self, org_id: UUID, case_id: UUID) -> bool:
        """Whether a case still is there."""
        found = select(EvaluationCase.id).where(EvaluationCase.org_id == org_id, EvaluationCase.id == case_id)
        return self._session.scalar(found) is not None

    def hold_number(self, org_id: UUID, agent_id: UUID) -> int:
        """How many cases an agent has; nobody else who asks this adds one until the transaction ends."""
        agent = select(Agent.id).where(Agent.org_id == org_id, Agent.id == agent_id)
        self._session.execute(agent.with_for_update(key_share=True))
        cases = select(func.count(EvaluationCase.id)).where(
            EvaluationCase.org_id == org_id, EvaluationCase.agent_id == agent_id
        )
        return self._session.scalar(cases) or 0

    def add_case(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a case; its id."""
        made = EvaluationCase(org_id=org_id, **values)
        self._session.add(made)
        self._session.flush()
        return made.id

    def change_case(self, org_id: UUID, case_id: UUID, lock_version: int, values: Mapping[str, Any]) -> bool:
        """Set values if nobody changed the case since `lock_version`."""
        done = self._session.execute(
            update(EvaluationCase)
            .where(
                EvaluationCase.org_id == org_id,
                EvaluationCase.id == case_id,
                EvaluationCase.lock_version == lock_version,
            )
            .values(**values, lock_version=EvaluationCase.lock_version + 1)
            .returning(EvaluationCase.id)
            .execution_options(synchronize_session=False)
        )
        return done.one_or_none() is not None

    def remove_case(self, org_id: UUID, case_id: UUID) -> None:
        """Delete a case; what it was answered stays with the runs."""
        self._session.execute(
            delete(EvaluationCase).where(EvaluationCase.org_id == org_id, EvaluationCase.id == case_id)
        )

    def runs(self, org_id: UUID, agent_id: UUID) -> list[RunRow]:
        """The newest runs of an agent, at most MOST_RUNS."""
        rows = self._session.execute(
            select(*_RUN)
            .where(EvaluationRun.org_id == org_id, EvaluationRun.agent_id == agent_id)
            .order_by(EvaluationRun.created_at.desc(), EvaluationRun.id.desc())
            .limit(MOST_RUNS)
        )
        return [RunRow(*row) for row in rows]

    def run(self, org_id: UUID, agent_id: UUID, run_id: UUID) -> RunRow | None:
        """One run of an agent."""
        row = self._session.execute(
            select(*_RUN).where(
                EvaluationRun.org_id == org_id,
                EvaluationRun.agent_id == agent_id,
                EvaluationRun.id == run_id,
            )
        ).one_or_none()
        return None if row is None else RunRow(*row)

    def snapshot(self, org_id: UUID, run_id: UUID) -> Mapping[str, Any] | None:
        """The stored snapshot that a run asks."""
        return self._session.scalar(
            select(EvaluationRun.snapshot).where(EvaluationRun.org_id == org_id, EvaluationRun.id == run_id)
        )

    def add_run(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a run; its id."""
        made = EvaluationRun(org_id=org_id, **values)
        self._session.add(made)
        self._session.flush()
        return made.id

    def change_run(self, org_id: UUID, run_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a run."""
        self._session.execute(
            update(EvaluationRun)
            .where(EvaluationRun.org_id == org_id, EvaluationRun.id == run_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def add_result(self, org_id: UUID, values: Mapping[str, Any]) -> None:
        """Store how a case was answered, and count it in its run."""
        self._session.add(EvaluationResult(org_id=org_id, **values))
        self._session.flush()
        self.change_run(org_id, values["run_id"], {"passed": EvaluationRun.passed + int(values["passed"])})

    def results(self, org_id: UUID, run_ids: Sequence[UUID]) -> list[ResultRow]:
        """The results of some runs, in order of name."""
        rows = self._session.execute(
            select(*_RESULT)
            .where(EvaluationResult.org_id == org_id, EvaluationResult.run_id.in_(run_ids))
            .order_by(func.lower(EvaluationResult.name), EvaluationResult.id)
        )
        return [ResultRow(*row) for row in rows]

    def newest_of(self, org_id: UUID, agent: Agent, content_hash: bytes) -> RunRow | None:
        """The newest finished run of exactly this content, judged by the judge that the agent has now."""
        row = self._session.execute(
            select(*_RUN)
            .where(
                EvaluationRun.org_id == org_id,
                EvaluationRun.agent_id == agent.id,
                EvaluationRun.content_hash == content_hash,
                EvaluationRun.judge_connection_id.is_not_distinct_from(agent.judge_connection_id),
                EvaluationRun.judge_model.is_not_distinct_from(agent.judge_model),
                EvaluationRun.status == "finished",
            )
            .order_by(EvaluationRun.created_at.desc(), EvaluationRun.id.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else RunRow(*row)
