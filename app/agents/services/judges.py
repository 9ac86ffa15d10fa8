"""Who judges evaluation cases: the agent's own model, or a chat model that a connection lists."""

from typing import Any
from uuid import UUID

from app.agents.models import Agent
from app.connections.models import PROVIDERS
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.services.connections import locked_connection
from app.web.errors import NotFound, Refusal

OWN = ""
"""The key of the agent's own model."""
_CHOOSE = "Choose one of the judges of this list. Models are offered that a connection lists for chat."


def judge_of(agent: Agent) -> str:
    """The key of the judge that an agent has."""
    return OWN if agent.judge_model is None else f"{agent.judge_connection_id or OWN}/{agent.judge_model}"


def offered_judges(org_id: UUID, agent: Agent) -> dict[str, str]:
    """The judges to choose from, keys with words, the agent's present one included; one statement."""
    rows = KnownModelsRepo().offered(org_id, "chat", PROVIDERS)
    listed = {f"{row.connection_id}/{row.model}": f"{row.model} at {row.connection}" for row in rows}
    offered = {OWN: "The agent’s own model", **listed}
    offered.setdefault(judge_of(agent), f"{agent.judge_model}, which is not offered any more")
    return offered


def chosen_judge(org_id: UUID, key: str, offered: dict[str, str]) -> dict[str, Any]:
    """The columns of a judge that is offered; its connection stays until the transaction ends. Raises Refusal 422."""
    connection_id, _, model = key.partition("/")
    if key not in offered:
        raise Refusal(422, _CHOOSE)
    try:
        held = locked_connection(org_id, UUID(connection_id)).id if connection_id else None
    except NotFound as error:
        raise Refusal(422, _CHOOSE) from error
    return {"judge_connection_id": held, "judge_model": model or None}
