"""A conversation as models are told it. Nothing here knows a provider, so pages may use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

PICTURE_CHARACTERS = 6_400
"""What a picture counts for: 1,600 tokens, about what providers take for a large one."""

TURN_CHARACTERS = 32
"""What stands around each message counts for."""


@dataclass(frozen=True)
class ToolSpec:
    """A tool as models see it; `schema` is a JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A model's wish to use a tool; `arguments` is text where they are no JSON object."""

    call_id: str
    name: str
    arguments: Any


@dataclass(frozen=True)
class Limits:
    """What one answer of a model may take, and how it is found."""

    temperature: float | None = None
    max_output_tokens: int | None = None
    seconds: float = 300
    reasoning_effort: str | None = None


@dataclass(frozen=True)
class Thought:
    """What a model thought, as its provider wants it back as long as the same answer goes on.

    `signature` proves that it is unchanged, or holds what is not shown; `name` is the field of the protocol it came in.
    """

    text: str
    signature: str | None = None
    name: str | None = None


@dataclass
class Round:
    """What a model thought and said before it called tools, in order, if it thought; and the ids of those calls."""

    said: Sequence[Thought | str] = ()
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Picture:
    """A picture as its bytes."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Turn:
    """What was said before: by a person, by the agent with the tools it called, or by those tools, named `name`.

    `blob_ids` are the pictures of a person's message, `pictures` those of them that the model is shown. `said` is what
    the agent said with the thoughts between; without thoughts `text` alone holds it.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: Sequence[Call] = ()
    call_id: str = ""
    name: str = ""
    blob_ids: Sequence[UUID] = ()
    pictures: Sequence[Picture] = ()
    said: Sequence[Thought | str] = ()
