"""What a message consists of: typed parts in the order received, checked by one discriminated model.

Stored as JSON in `messages.parts`; what people can search is derived from them by `text_content`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

MOST_PARTS = 1_000
TEXT_LENGTH = 2_000_000
NAME_LENGTH = 255
URL_LENGTH = 4_000

Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
Text = Annotated[str, Field(max_length=TEXT_LENGTH)]
Url = Annotated[str, Field(min_length=1, max_length=URL_LENGTH, pattern=r"^https?://")]
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]


class InvalidParts(ValueError):
    """Parts that are none; the message says which one and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TextPart(_Part):
    """Markdown, as people and models write it."""

    kind: Literal["text"] = "text"
    text: Text


class ReasoningPart(_Part):
    """What a model thought before it answered."""

    kind: Literal["reasoning"] = "reasoning"
    text: Text
    duration_ms: Count | None = None
    tokens: Count | None = None


class ToolCallPart(_Part):
    """A model's wish to use a tool; `arguments` are JSON or, where they could not be read, text."""

    kind: Literal["tool_call"] = "tool_call"
    call_id: Name
    name: Name
    arguments: Any = None


class ToolResultPart(_Part):
    """What came of a tool call."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: Name
    status: Literal["succeeded", "failed", "rejected"] = "succeeded"
    result: Any = None
    duration_ms: Count | None = None


class _Attached(_Part):
    """A stored file of the organisation, or the address of one elsewhere."""

    blob_id: Annotated[UUID, Field(strict=False)] | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "_Attached":
        if (self.blob_id is None) == (self.url is None):
            raise ValueError("give either blob_id or url")
        return self


class ImagePart(_Attached):
    """An image; width and height in pixels."""

    kind: Literal["image"] = "image"
    alt: Annotated[str, Field(max_length=2_000)] | None = None
    width: Count | None = None
    height: Count | None = None


class FilePart(_Attached):
    """Any other file."""

    kind: Literal["file"] = "file"
    name: Name
    media_type: Name | None = None
    byte_size: Annotated[int, Field(ge=0)] | None = None


class CitedPassage(_Part):
    """Where a passage of a knowledge base stands."""

    base_id: Annotated[UUID, Field(strict=False)]
    source_id: Annotated[UUID, Field(strict=False)]
    chunk_id: Annotated[UUID, Field(strict=False)]


class CitationPart(_Part):
    """A passage that an answer relies on; `number` is how the text refers to it."""

    kind: Literal["citation"] = "citation"
    number: Annotated[int, Field(ge=1, le=9_999)]
    title: Annotated[str, Field(max_length=1_000)]
    text: Text | None = None
    url: Url | None = None
    passage: CitedPassage | None = None
    score: float | None = None


class NoticePart(_Part):
    """What people should know about how the answer was made, such as messages that did not fit."""

    kind: Literal["notice"] = "notice"
    text: Annotated[str, Field(min_length=1, max_length=1_000)]


LONGEST = "The model reached its longest answer"
"""What every notice and error begins with that says so."""
REFUSED = "The model refused to answer"
FILTERED = "The provider's content filter ended the answer"
ESTIMATED = "The provider did not say how many tokens this took: one is counted for four characters."
"""The text of the notice in messages whose tokens are an estimate."""


class ErrorPart(_Part):
    """What failed and what was tried, in words for people."""

    kind: Literal["error"] = "error"
    message: Annotated[str, Field(min_length=1, max_length=4_000)]
    detail: Text | None = None


Part = Annotated[
    TextPart
    | ReasoningPart
    | ToolCallPart
    | ToolResultPart
    | ImagePart
    | FilePart
    | CitationPart
    | NoticePart
    | ErrorPart,
    Field(discriminator="kind"),
]
KINDS = ("text", "reasoning", "tool_call", "tool_result", "image", "file", "citation", "notice", "error")
_PARTS: TypeAdapter[tuple[Part, ...]] = TypeAdapter(
    Annotated[tuple[Part, ...], Field(strict=False, max_length=MOST_PARTS)]
)


def read_parts(raw: Any) -> tuple[Part, ...]:
    """The parts in a list of plain objects, as JSON gives them. InvalidParts says which one is wrong and why."""
    if not isinstance(raw, list):
        raise InvalidParts("parts: give a list")
    try:
        return _PARTS.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidParts(f"{where or 'parts'}: {first['msg']}") from error


def dump_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The parts as plain objects without empty fields, for storage and answers."""
    return [part.model_dump(mode="json", exclude_none=True) for part in parts]


def text_content(parts: Sequence[Part]) -> str:
    """What can be searched: the texts and errors, then names of files and what images show, a paragraph each."""
    return "\n\n".join(text for part in parts if (text := _searched(part)))


def first_error(parts: Sequence[Part]) -> str | None:
    """The first thing that failed."""
    return next((part.message for part in parts if isinstance(part, ErrorPart)), None)


def _searched(part: Part) -> str | None:
    match part:
        case TextPart(text=text):
            return text.strip()
        case ErrorPart(message=message):
            return message.strip()
        case FilePart(name=name):
            return name
        case ImagePart(alt=alt):
            return alt
    return None
