"""Evaluation cases with a run and a result."""

from typing import Any

from app.agents.models import Agent, EvaluationCase, EvaluationResult, EvaluationRun
from tests.factories.rows import save


def case(agent: Agent, **values: Any) -> EvaluationCase:
    given = {
        "name": "Greets",
        "turns": [{"role": "user", "text": "Hi"}],
        "checks": [{"kind": "contains", "value": "hello"}],
        **values,
    }
    return save(EvaluationCase(org_id=agent.org_id, agent_id=agent.id, **given))


def run(agent: Agent, **values: Any) -> EvaluationRun:
    given = {"snapshot": {"name": agent.name}, "content_hash": b"h", "status": "finished", **values}
    return save(EvaluationRun(org_id=agent.org_id, agent_id=agent.id, **given))


def result(asked: EvaluationRun, of: EvaluationCase, **values: Any) -> EvaluationResult:
    given = {
        "case_version": of.lock_version,
        "name": of.name,
        "passed": True,
        "checks": [],
        "answer": "Hello",
        "input_tokens": 1,
        "output_tokens": 1,
        "latency_ms": 1,
        **values,
    }
    return save(EvaluationResult(org_id=asked.org_id, run_id=asked.id, case_id=of.id, **given))


def one_of_each(agent: Agent, canary: str) -> dict[str, Any]:
    """Return a row of each table of evaluations, by its table's name."""
    checks = [{"kind": "contains", "value": canary}]
    of = case(agent, name=f"{canary} case", turns=[{"role": "user", "text": canary}], checks=checks)
    asked = run(agent, total=1, error=canary)
    return {
        "evaluation_cases": of,
        "evaluation_runs": asked,
        "evaluation_results": result(asked, of, answer=canary),
    }
