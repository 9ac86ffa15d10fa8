"""What an agent is at one moment: all that decides how it answers, as drafts have it and published versions keep it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Effort = Literal["off", "low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = ("off", "low", "medium", "high")
"""How much a model may be told to reason before it answers."""
MOST_OUTPUT_TOKENS = 1_000_000
MOST_TOOL_CALLS = 100
SHORTEST_SECONDS, LONGEST_SECONDS = 5, 3_600
_FORMER_NAMES = {
    "primary_model_provider": "provider",
    "primary_model": "model",
    "primary_model_temperature": "temperature",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Settings(_Part):
    """The limits of one answer. Without `max_output_tokens` the model's own limit holds."""

    max_output_tokens: int | None = Field(None, ge=1, le=MOST_OUTPUT_TOKENS)
    max_tool_calls: int = Field(10, ge=0, le=MOST_TOOL_CALLS)
    timeout_seconds: int = Field(300, ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)


class SnapshotPersona(_Part):
    """The persona with the text it had."""

    id: UUID
    name: str
    prompt: str


class SnapshotTool(_Part):
    """A tool with the schema it had, and whether its calls wait for a person."""

    id: UUID
    name: str
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)
    approval: Literal["allow", "ask", "agent"] = "ask"


class SnapshotBase(_Part):
    """A knowledge base and the generation that was searched."""

    id: UUID
    name: str
    generation_id: UUID


class Snapshot(_Part):
    """An agent as it answers. Texts that are missing are empty; without temperature or effort the model's own hold."""

    name: str
    description: str = ""
    prompt: str = ""
    provider: str | None = None
    model: str | None = None
    temperature: float | None = None
    reasoning_effort: Effort | None = None
    settings: Settings = Settings()
    persona: SnapshotPersona | None = None
    tools: tuple[SnapshotTool, ...] = ()
    knowledge_bases: tuple[SnapshotBase, ...] = ()

    @property
    def texts(self) -> tuple[str, str]:
        """What the model is told before a conversation: the persona and the prompt."""
        return self.persona.prompt if self.persona else "", self.prompt

    def stored(self) -> dict[str, Any]:
        """The snapshot as JSON values; without an effort as before there was one, so that older digests hold."""
        return self.model_dump(mode="json", exclude=None if self.reasoning_effort else {"reasoning_effort"})

    def digest(self) -> bytes:
        """The SHA-256 of the snapshot as canonical JSON; equal snapshots, and only they, have the same."""
        return hashlib.sha256(orjson.dumps(self.stored(), option=orjson.OPT_SORT_KEYS)).digest()


def read_snapshot(raw: Mapping[str, Any]) -> Snapshot:
    """A stored snapshot, of whatever age: what is unknown or unreadable in it is left out."""
    values: dict[str, Any] = {"name": ""}
    for key, value in raw.items():
        name = _FORMER_NAMES.get(key, key)
        if name in Snapshot.model_fields and value is not None:
            values[name] = value
    try:
        return _read(values)
    except ValidationError as error:
        unreadable = {fault["loc"][0] for fault in error.errors()}
        return _read({"name": "", **{key: values[key] for key in values if key not in unreadable}})


def read_settings(raw: Mapping[str, Any]) -> Settings:
    """Stored settings; those that are unknown or out of bounds are as if they had never been set."""
    known = {name: raw[name] for name in Settings.model_fields if name in raw}
    try:
        return Settings.model_validate(known)
    except ValidationError as error:
        unreadable = {fault["loc"][0] for fault in error.errors()}
        return Settings.model_validate({name: known[name] for name in known if name not in unreadable})


def _read(values: Mapping[str, Any]) -> Snapshot:
    return Snapshot.model_validate_json(orjson.dumps(values))
