"""What many pages of the agent list ask for alike, kept in Redis under the organisation's count of changes."""

from typing import Any
from uuid import UUID

from app.agents.repo.agents import AgentRepo, Choices
from app.db.cached import read_through


class CachedAgentRepo:
    """Answers as AgentRepo does."""

    def __init__(self, repo: AgentRepo | None = None) -> None:
        self._repo = repo or AgentRepo()

    def choices(self, org_id: UUID, generation: int) -> Choices:
        """The providers and models in use; `generation` is the organisation's `agents_generation`."""

        def build() -> dict[str, Any]:
            found = self._repo.choices(org_id)
            return {"providers": found.providers, "models": found.models}

        kept = read_through(org_id, "agents:v1:choices", generation, build)
        return Choices(providers=tuple(kept["providers"]), models=tuple(kept["models"]))
