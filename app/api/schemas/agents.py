"""Agents in the API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from app.agents import models
from app.agents.forms.agents import DESCRIPTION_LENGTH, PROMPT_LENGTH
from app.agents.repo.agents import AgentRow
from app.api.schemas.lists import Listing
from app.api.schemas.strict import Line, Model, Name, Version

Status = Literal["enabled", "disabled", "archived", "deleted"]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH)]
Prompt = Annotated[str, Field(max_length=PROMPT_LENGTH)]
Temperature = Annotated[float, Field(ge=0, le=2)]


class AgentDraft(Model):
    """A new agent."""

    name: Name
    description: Description | None = None
    prompt: Prompt | None = None
    primary_model_provider: Line | None = None
    primary_model: Line | None = None
    primary_model_temperature: Temperature | None = None
    enabled: bool = True


class AgentChange(Model):
    """What changes of an agent, and the version it was read at. What is left out stays."""

    version: Version
    name: Name = ""
    description: Description | None = None
    prompt: Prompt | None = None
    primary_model_provider: Line | None = None
    primary_model: Line | None = None
    primary_model_temperature: Temperature | None = None
    enabled: bool = True

    def values(self) -> dict[str, Any]:
        """The columns that were given."""
        return self.model_dump(exclude_unset=True, exclude={"version"})

    @model_validator(mode="after")
    def _something(self) -> "AgentChange":
        if self.model_fields_set == {"version"}:
            raise ValueError("give at least one value to change")
        return self


class AgentSummary(Model):
    """An agent in a list."""

    id: UUID
    name: str
    description: Annotated[str | None, Field(description="Its first 300 characters.")]
    status: Status
    primary_model_provider: str | None
    primary_model: str | None
    primary_model_temperature: float | None
    created_at: datetime
    updated_at: datetime


class Agent(AgentSummary):
    """An agent."""

    description: str | None
    prompt: str | None
    enabled: bool
    version: Version


class AgentListing(Listing[AgentSummary]):
    """A page of agents."""


def summary(row: AgentRow) -> AgentSummary:
    """A row of the list."""
    return AgentSummary.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "description": row.description,
            "status": row.status,
            "primary_model_provider": row.provider,
            "primary_model": row.model,
            "primary_model_temperature": row.temperature,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )


def shown(agent: models.Agent) -> Agent:
    """An agent as it is stored."""
    listed = {name: getattr(agent, name) for name in Agent.model_fields if name not in {"status", "version"}}
    return Agent.model_validate({**listed, "status": _status(agent), "version": agent.lock_version})


def _status(agent: models.Agent) -> str:
    if agent.deleted_at is not None:
        return "deleted"
    if agent.archived:
        return "archived"
    return "enabled" if agent.enabled else "disabled"
