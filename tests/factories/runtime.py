"""Calls of tools that wait for a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.agents.models import Agent
from app.runtime.models import ToolApproval
from app.threads.models import Message
from tests.factories.rows import save


def approval(message: Message, **values: Any) -> ToolApproval:
    later = datetime.now(UTC) + timedelta(hours=24)
    given = {"call_id": "c1", "tool": "refund", "arguments": {"order": 7}, "expires_at": later, **values}
    return save(
        ToolApproval(org_id=message.org_id, message_id=message.id, thread_id=message.thread_id, **given)
    )


def one_of_each(message: Message, agent: Agent, canary: str) -> dict[str, Any]:
    """Return a row of each table of the runtime, by its table's name."""
    values = {"tool": f"{canary} tool", "arguments": {"note": canary}, "note": canary, "reason": canary}
    return {"tool_approvals": approval(message, agent_id=agent.id, **values)}
