"""Tasks and schedules; a task made here has no delivery, so that no worker takes it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from app.agents.models import Agent
from app.auth.models import User
from app.db.tables import Task, TaskAttempt, TaskEvent
from app.orgs.models import Org
from app.tasks.models import Schedule
from app.threads.models import Message
from tests.factories.rows import save


def task(org: Org, **values: Any) -> Task:
    return save(Task(**{"org_id": org.id, "kind": "test.plain", **values}))


def schedule(org: Org, **values: Any) -> Schedule:
    timing = {} if {"cron", "every_seconds", "run_at"} & values.keys() else {"cron": "0 3 * * *"}
    return save(Schedule(**{"org_id": org.id, "name": "Nightly", "kind": "test.plain", **timing, **values}))


def one_of_each(org: Org, person: User, agent: Agent, canary: str) -> dict[str, Any]:
    """Return a row of each table around tasks, by its table's name."""
    later = datetime.now(UTC) + timedelta(days=30)
    nightly = schedule(
        org, name=f"{canary} schedule", agent_id=agent.id, created_by=person.id, next_run_at=later
    )
    done = task(
        org,
        status="failed",
        error=f"{canary} error",
        payload={"note": canary},
        agent_id=agent.id,
        created_by=person.id,
        schedule_id=nightly.id,
        slot_at=datetime.now(UTC),
        attempt=1,
        finished_at=datetime.now(UTC),
    )
    return {
        "schedules": nightly,
        "tasks": done,
        "task_attempts": save(
            TaskAttempt(org_id=org.id, task_id=done.id, attempt=1, worker_id=uuid4(), outcome="failed")
        ),
        "task_events": save(
            TaskEvent(
                org_id=org.id, task_id=done.id, seq=1, attempt=1, kind="log", data={"words": f"{canary} line"}
            )
        ),
    }


def finished_import(org: Org, person: User, canary: str) -> Task:
    """Return an import of threads that left something out."""
    result = {"added": 2, "extended": 1, "unchanged": 0, "messages": 9, "refused": 1}
    reasons = [
        {"place": f"{canary}.json, item 4", "reason": f"Two of its messages have the same id, {canary}."}
    ]
    return task(
        org,
        kind="thread.import",
        status="succeeded",
        payload={"source": f"{canary} export.json"},
        result={**result, "reasons": reasons},
        created_by=person.id,
        finished_at=datetime.now(UTC),
    )


def run_of(message: Message, agent: Agent) -> dict[str, Task]:
    """Return the run that has written a message."""
    ids = {"message_id": message.id, "thread_id": message.thread_id, "agent_id": agent.id}
    payload = {name: str(value) for name, value in ids.items()}
    facts = {"org_id": message.org_id, "thread_id": message.thread_id, "payload": payload}
    return {"run": save(Task(kind="agent.run", status="succeeded", **facts))}
