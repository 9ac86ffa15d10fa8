"""Agents in the API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from app.agents import models
from app.agents.forms.agents import DESCRIPTION_LENGTH, PROMPT_LENGTH
from app.agents.repo.agents import AgentRow
from app.agents.snapshot import Effort, Settings, read_settings
from app.api.schemas.lists import Listing
from app.api.schemas.strict import CANONICAL_ID, Id, Line, Model, Name, Version
from app.tools.parts import BUILT_IN
from app.web.errors import Refusal

Status = Literal["enabled", "disabled", "archived", "deleted"]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH)]
Prompt = Annotated[str, Field(max_length=PROMPT_LENGTH)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Reasoning = Annotated[Effort, Field(description="How much the model reasons; null is its own default.")]
MOST_CHOSEN = 500
_COLUMNS = {"knowledge_bases": "rag_enabled", "tools": "tools_enabled"}
_TOOL = rf"{CANONICAL_ID}|^(?:{'|'.join(BUILT_IN)})$"
Bases = Annotated[list[Id], Field(max_length=MOST_CHOSEN, description="Ids of knowledge bases.")]
Tools = Annotated[
    list[Annotated[str, Field(pattern=_TOOL)]],
    Field(max_length=MOST_CHOSEN, description="Ids of tools, and names of those that are built in."),
]


class AgentDraft(Model):
    """A new agent."""

    name: Name
    description: Description | None = None
    prompt: Prompt | None = None
    primary_model_provider: Line | None = None
    primary_model: Line | None = None
    primary_model_temperature: Temperature | None = None
    reasoning_effort: Reasoning | None = None
    persona_id: Id | None = None
    knowledge_bases: Bases = []
    tools: Tools = []
    settings: Settings = Settings()
    enabled: bool = True


class AgentChange(Model):
    """What changes of an agent, and the version it was read at. What is left out stays, within `settings` as well."""

    version: Version
    name: Name = ""
    description: Description | None = None
    prompt: Prompt | None = None
    primary_model_provider: Line | None = None
    primary_model: Line | None = None
    primary_model_temperature: Temperature | None = None
    reasoning_effort: Reasoning | None = None
    persona_id: Id | None = None
    knowledge_bases: Bases = []
    tools: Tools = []
    settings: Settings = Settings()
    enabled: bool = True

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
    reasoning_effort: Reasoning | None
    created_at: datetime
    updated_at: datetime


class Agent(AgentSummary):
    """An agent."""

    description: str | None
    prompt: str | None
    persona_id: UUID | None
    knowledge_bases: Annotated[list[str], Field(description="Ids of knowledge bases.")]
    tools: Annotated[list[str], Field(description="Ids of tools, and names of those that are built in.")]
    settings: Settings
    enabled: bool
    version: Version


class AgentListing(Listing[AgentSummary]):
    """A page of agents."""


def columns(given: AgentDraft | AgentChange) -> dict[str, Any]:
    """An agent's columns, those left out of a change left out; `settings` holds what was given of them."""
    changing = isinstance(given, AgentChange)
    values = given.model_dump(exclude_unset=changing, exclude={"version", "settings"})
    values = {_COLUMNS.get(name, name): value for name, value in values.items()}
    if given.persona_id:
        values["persona_id"] = UUID(given.persona_id)
    if "settings" in given.model_fields_set or not changing:
        values["settings"] = given.settings.model_dump(exclude_unset=True)
    return values


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
            "reasoning_effort": row.reasoning,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )


def shown(agent: models.Agent) -> Agent:
    """An agent as it is stored."""
    special = {
        "status": _status(agent),
        "version": agent.lock_version,
        "knowledge_bases": agent.rag_enabled,
        "tools": agent.tools_enabled,
        "settings": read_settings(agent.settings),
    }
    values = {name: getattr(agent, name) for name in Agent.model_fields if name not in special}
    return Agent.model_validate({**values, **special})


def changed_since(agent: models.Agent) -> Refusal:
    """The answer to whoever would change an agent that somebody else was faster with."""
    current = shown(agent).model_dump(mode="json")
    return Refusal(409, "Somebody else changed the agent.", more={"current": current})


def _status(agent: models.Agent) -> str:
    if agent.deleted_at is not None:
        return "deleted"
    if agent.archived:
        return "archived"
    return "enabled" if agent.enabled else "disabled"
