"""Chat completions as OpenAI's clients send and read them.

https://platform.openai.com/docs/api-reference/chat; what an agent decides for itself (temperature, tools and the like)
may be sent and has no effect.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from app.api.schemas.strict import Id, Model
from app.runtime.parts import storable
from app.runtime.repo import PublishedAgent
from app.runtime.services.completions import Finish, Piece, Said
from app.threads.parts import Name, ToolCallPart, ToolResultPart
from app.threads.services.pictures import (
    MOST_PICTURE_BYTES,
    MOST_PICTURES,
    NoPicture,
    base64_length,
    picture_in,
)
from app.web.errors import FieldError, Refusal

MOST_MESSAGES = 1_000
MOST_CALLS = 128
MOST_PICTURES_IN_ALL = 100
LONGEST = 1_000_000
MOST_BYTES = MOST_PICTURES * base64_length(MOST_PICTURE_BYTES) + 4 * 1024 * 1024
_ROLES = {"developer": "system"}
_RESULTS = ("tool", "function")


_NULL = {"type": "null"}


def _with_nulls(schema: dict[str, Any]) -> None:
    """Say that null is taken for what need not be sent."""
    for name in schema["properties"].keys() - schema.get("required", []):
        taken = schema["properties"][name]
        notes = {note: taken.pop(note) for note in ("title", "description", "default") if note in taken}
        kinds = [kind for kind in taken.pop("anyOf", [taken]) if kind != _NULL]
        schema["properties"][name] = {**notes, "anyOf": [*kinds, _NULL]}


class _Lenient(Model):
    """Null means the default, as if it had not been sent."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=_with_nulls)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, raw: Any) -> Any:
        return (
            {name: value for name, value in raw.items() if value is not None}
            if isinstance(raw, dict)
            else raw
        )


class TextContent(_Lenient):
    """A text in a message."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=LONGEST)]


class RefusalContent(_Lenient):
    """What a model said instead of an answer."""

    type: Literal["refusal"]
    refusal: Annotated[str, Field(max_length=LONGEST)]

    @property
    def text(self) -> str:
        """It is kept as a text."""
        return self.refusal


class ImageUrl(_Lenient):
    """Where an image is; only data: URLs are taken."""

    url: str


class ImageContent(_Lenient):
    """An image in a message of the user."""

    type: Literal["image_url"]
    image_url: ImageUrl


ContentPart = Annotated[TextContent | RefusalContent | ImageContent, Field(discriminator="type")]


def _listed(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Texts = Annotated[list[ContentPart], Field(max_length=100)]
Content = Annotated[
    Texts,
    BeforeValidator(_listed, json_schema_input_type=Annotated[str, Field(max_length=LONGEST)] | Texts),
]
"""A text, or a list of texts and images."""


class Called(_Lenient):
    """What was called: a function with arguments as JSON, or a tool of another kind with a text."""

    name: Name
    arguments: Annotated[str, Field(max_length=LONGEST)] = ""
    input: Annotated[str, Field(max_length=LONGEST)] = ""

    def read(self) -> Any:
        """The arguments as an object; as they came where they are none, or are nested too deeply."""
        try:
            read = storable(orjson.loads(self.arguments))
        except ValueError:
            read = None
        return read if isinstance(read, dict) else self.arguments or self.input


class ToolCall(_Lenient):
    """A call of a tool of the client."""

    id: Name
    function: Called | None = None
    custom: Called | None = None

    def parts(self) -> list[Piece]:
        """The call as threads keep it; nothing for a kind that is not known."""
        called = self.function or self.custom
        return [ToolCallPart(call_id=self.id, name=called.name, arguments=called.read())] if called else []


class ChatMessage(_Lenient):
    """One message of the conversation as the client knows it; `tool` holds the result of a call before it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = []
    refusal: Annotated[str, Field(max_length=LONGEST)] = ""
    tool_calls: Annotated[list[ToolCall], Field(max_length=MOST_CALLS)] = []
    tool_call_id: str = ""

    @property
    def images(self) -> int:
        """How many it holds."""
        return sum(isinstance(part, ImageContent) for part in self.content)

    def calls(self) -> list[Piece]:
        """The calls that the assistant made, each id once."""
        made = {call.id: call for call in reversed(self.tool_calls)} if self.role == "assistant" else {}
        return [part for call in reversed(made.values()) for part in call.parts()]


class Metadata(_Lenient):
    """What a client notes; `thread_id` is the thread to go on with."""

    thread_id: Id | None = None


class StreamOptions(_Lenient):
    """What a stream holds beside the answer."""

    include_usage: bool = False


class ChatRequest(_Lenient):
    """A question to an agent. Other names, such as `temperature` and `tools`, have no effect: they are the agent's own.

    With `metadata.thread_id` that thread goes on, and only the last message is taken, for the thread holds the others.
    """

    model: Annotated[str, Field(min_length=1, max_length=255, description="The name or the id of an agent.")]
    messages: Annotated[
        list[ChatMessage],
        Field(
            min_length=1,
            max_length=MOST_MESSAGES,
            description="The conversation so far; the last one is the user's, with a text or an image.",
        ),
    ]
    stream: bool = False
    stream_options: StreamOptions | None = None
    metadata: Metadata | None = None
    n: Literal[1] = 1

    @property
    def thread_id(self) -> str | None:
        """The thread to go on with."""
        return self.metadata.thread_id if self.metadata else None

    def without_messages(self) -> "ChatRequest":
        """What the answer is made with: images are not held for as long as it takes."""
        return self.model_copy(update={"messages": []})

    def said(self) -> Sequence[Said]:
        """The messages that are taken: the last one where a thread goes on, which holds the others, else all.

        Results of calls join the message that made them; those of others, and of `function`, are left out. Refusal 400
        for an image that cannot be taken, naming its place.
        """
        taken = list(enumerate(self.messages))[-1 if self.thread_id else 0 :]
        if sum(message.images for _, message in taken) > MOST_PICTURES_IN_ALL:
            raise _refusal("messages", f"Send at most {MOST_PICTURES_IN_ALL} images.")
        said: list[tuple[str, list[Piece]]] = []
        for number, message in taken:
            pieces = _pieces(f"messages.{number}.content", message)
            if message.role not in _RESULTS:
                said.append((_ROLES.get(message.role, message.role), pieces))
            elif said and _awaits(said[-1][1], message.tool_call_id):
                result = "\n".join(piece for piece in pieces if isinstance(piece, str))
                said[-1][1].append(ToolResultPart(call_id=message.tool_call_id, result=result))
        return said


def _awaits(pieces: list[Piece], call_id: str) -> bool:
    """Whether a message holds this call without a result."""
    kinds = [type(piece) for piece in pieces if getattr(piece, "call_id", None) == call_id]
    return kinds == [ToolCallPart]


def _pieces(place: str, message: ChatMessage) -> list[Piece]:
    """What a message holds, its images as files."""
    if message.images and message.role != "user":
        raise _refusal(place, "Only messages of the user can hold images.")
    if message.images > MOST_PICTURES:
        raise _refusal(place, f"A message can hold at most {MOST_PICTURES} images.")
    pieces: list[Piece] = [_piece(f"{place}.{number}", part) for number, part in enumerate(message.content)]
    return [*pieces, *filter(None, [message.refusal]), *message.calls()]


def _piece(place: str, part: TextContent | RefusalContent | ImageContent) -> str | BytesIO:
    if not isinstance(part, ImageContent):
        return part.text
    try:
        return picture_in(part.image_url.url)
    except NoPicture as error:
        raise _refusal(f"{place}.image_url.url", str(error)) from error


def _refusal(place: str, words: str) -> Refusal:
    return Refusal(400, "An image cannot be taken.", errors=[FieldError(place, words)])


class _Told(Model):
    """A part of an answer, which holds each of its names."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class AgentModel(_Told):
    """A published agent, as a model."""

    id: Annotated[str, Field(description="The name of the agent.")]
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="Seconds since 1970.")]
    owned_by: Annotated[str, Field(description="The organisation, as in addresses.")]


class AgentModels(_Told):
    """Every published agent that a model's name can stand for."""

    object: Literal["list"] = "list"
    data: list[AgentModel]


def shown_model(row: PublishedAgent, owner: str) -> AgentModel:
    """A published agent of an organisation."""
    return AgentModel(id=row.name, created=int(row.published_at.timestamp()), owned_by=owner)


class AnswerMessage(_Told):
    """What an agent said; `refusal` is what a model said that refused."""

    role: Literal["assistant"]
    content: str
    refusal: str | None = None


class Choice(_Told):
    """The one answer. It ends with `stop` also where calls of tools wait for a person; the content then names them."""

    index: Literal[0] = 0
    message: AnswerMessage
    finish_reason: Finish
    logprobs: None = None


class Usage(_Told):
    """What an answer took, as its provider counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMetadata(_Told):
    """The thread to go on with, and how the answer stands in it."""

    thread_id: UUID
    status: Literal["complete", "waiting", "stopped", "failed"]


class Completion(_Told):
    """An answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: Annotated[int, Field(description="Seconds since 1970.")]
    model: Annotated[str, Field(description="As it was asked for.")]
    choices: Annotated[list[Choice], Field(min_length=1, max_length=1)]
    usage: Usage
    metadata: AnswerMetadata


class ErrorFacts(Model):
    """What was wrong."""

    message: str
    type: str
    param: Annotated[str | None, Field(description="The value that is wrong, such as `messages.0.content`.")]
    code: Annotated[
        str | None, Field(description="`insufficient_quota` where a limit of spending is used up.")
    ]


class OpenAIError(Model):
    """Why a request of OpenAI's clients was refused."""

    error: ErrorFacts
