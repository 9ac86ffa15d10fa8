"""Agents, their published versions, and personas."""

import hashlib
import itertools
from typing import Any

from app.agents.models import Agent, AgentVersion, Persona
from app.orgs.models import Org
from tests.factories.rows import save

_numbers = itertools.count(1)


def agent(org: Org, **values: Any) -> Agent:
    return save(Agent(**{"org_id": org.id, "name": f"Agent {next(_numbers)}", **values}))


def version(agent: Agent, number: int = 1, **values: Any) -> AgentVersion:
    """Store a published version of the agent as it is."""
    snapshot = values.pop("snapshot", {"name": agent.name, "prompt": agent.prompt})
    digest = hashlib.sha256(repr(snapshot).encode()).digest()
    return save(
        AgentVersion(
            org_id=agent.org_id,
            agent_id=agent.id,
            number=number,
            snapshot=snapshot,
            content_hash=digest,
            **values,
        )
    )


def persona(org: Org, **values: Any) -> Persona:
    """Store a persona."""
    return save(
        Persona(**{"org_id": org.id, "name": f"Persona {next(_numbers)}", "prompt": "Be kind.", **values})
    )
