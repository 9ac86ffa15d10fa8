"""Chat completions as OpenAI's clients send and read them.

https://platform.openai.com/docs/api-reference/chat; what an agent decides for itself (temperature, tools and the like)
may be sent and has no effect.
"""

from io import BytesIO
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from app.api.schemas.strict import Id, Model
from app.runtime.services.completions import Said
from app.threads.services.pictures import (
    MOST_PICTURE_BYTES,
    MOST_PICTURES,
    NoPicture,
    base64_length,
    picture_in,
)
from app.web.errors import FieldError, Refusal

MOST_MESSAGES = 1_000
MOST_PICTURES_IN_ALL = 100
LONGEST = 1_000_000
MOST_BYTES = MOST_PICTURES * base64_length(MOST_PICTURE_BYTES) + 4 * 1024 * 1024
_ROLES = {"developer": "system"}


class _Lenient(Model):
    model_config = ConfigDict(extra="ignore")


class TextContent(_Lenient):
    """A text in a message."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=LONGEST)]


class ImageUrl(_Lenient):
    """Where an image is; only data: URLs are taken."""

    url: str


class ImageContent(_Lenient):
    """An image in a message of the user."""

    type: Literal["image_url"]
    image_url: ImageUrl


ContentPart = Annotated[TextContent | ImageContent, Field(discriminator="type")]


def _listed(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class ChatMessage(_Lenient):
    """One message of the conversation as the client knows it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[ContentPart], Field(max_length=100), BeforeValidator(_listed)]

    @property
    def images(self) -> int:
        """How many it holds."""
        return sum(isinstance(part, ImageContent) for part in self.content)


class Metadata(_Lenient):
    """What a client notes; `thread_id` is the thread to go on with."""

    thread_id: Id | None = None


class StreamOptions(_Lenient):
    """What a stream holds beside the answer."""

    include_usage: bool = False


class ChatRequest(_Lenient):
    """A question to an agent; `model` is its name or its id."""

    model: Annotated[str, Field(min_length=1, max_length=255)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
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

    def said(self) -> list[Said]:
        """The messages that are taken: the last one where a thread goes on, which holds the others, else all.

        Refusal 400 for an image that cannot be taken, naming its place.
        """
        taken = list(enumerate(self.messages))[-1 if self.thread_id else 0 :]
        if sum(message.images for _, message in taken) > MOST_PICTURES_IN_ALL:
            raise _refusal("messages", f"Send at most {MOST_PICTURES_IN_ALL} images.")
        return [_said(f"messages.{number}.content", message) for number, message in taken]


def _said(place: str, message: ChatMessage) -> Said:
    """A message with its images as files."""
    if message.images and message.role != "user":
        raise _refusal(place, "Only messages of the user can hold images.")
    if message.images > MOST_PICTURES:
        raise _refusal(place, f"A message can hold at most {MOST_PICTURES} images.")
    pieces = [_piece(f"{place}.{number}", part) for number, part in enumerate(message.content)]
    return _ROLES.get(message.role, message.role), pieces


def _piece(place: str, part: TextContent | ImageContent) -> str | BytesIO:
    if isinstance(part, TextContent):
        return part.text
    try:
        return picture_in(part.image_url.url)
    except NoPicture as error:
        raise _refusal(f"{place}.image_url.url", str(error)) from error


def _refusal(place: str, words: str) -> Refusal:
    return Refusal(400, "An image cannot be taken.", errors=[FieldError(place, words)])


def completion(answer_id: str, created: int, model: str, **parts: Any) -> dict[str, Any]:
    """What every object of an answer begins with."""
    return {"id": f"chatcmpl-{answer_id}", "created": created, "model": model, **parts}
