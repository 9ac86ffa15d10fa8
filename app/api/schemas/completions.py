"""Chat completions as OpenAI's clients send and read them.

https://platform.openai.com/docs/api-reference/chat; what an agent decides for itself (temperature, tools and the like)
may be sent and has no effect.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.api.schemas.strict import Id, Model

MOST_MESSAGES = 1_000
LONGEST = 1_000_000


class _Lenient(Model):
    model_config = ConfigDict(extra="ignore")


class ContentPart(_Lenient):
    """A piece of a message; only texts are taken."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=LONGEST)]


class ChatMessage(_Lenient):
    """One message of the conversation as the client knows it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=LONGEST)] | Annotated[list[ContentPart], Field(max_length=100)]

    @property
    def text(self) -> str:
        """The whole text."""
        if isinstance(self.content, str):
            return self.content
        return "\n\n".join(part.text for part in self.content)


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


def completion(answer_id: str, created: int, model: str, **parts: Any) -> dict[str, Any]:
    """What every object of an answer begins with."""
    return {"id": f"chatcmpl-{answer_id}", "created": created, "model": model, **parts}
