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
        """The providers, models and personas in use; `generation` is the organisation's `agents_generation`."""

        def build() -> dict[str, Any]:
            found = self._repo.choices(org_id)
            return {"providers": found.providers, "models": found.models, "personas": found.personas}

        kept = read_through(org_id, "agents:v2:choices", generation, build)
        return Choices(
            providers=tuple(kept["providers"]), models=tuple(kept["models"]), personas=kept["personas"]
        )
