"""Models of every provider behind one small interface; pydantic-ai speaks their protocols, our guard carries them.

Loaded by the worker when the first agent answers. What speaks one provider's protocol is loaded with the first request
to it: each of the two libraries takes a second or more.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Literal

import orjson
from pydantic_ai import exceptions
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.tools import ToolDefinition

from app.connections.services.targets import ModelTarget
from app.late import load
from app.runtime.parts import storable
from app.runtime.protocol import less_effort, messages_of, settings_of, thoughts_of
from app.runtime.turns import PICTURE_CHARACTERS, TURN_CHARACTERS, Call, Limits, Thought, ToolSpec, Turn
from app.threads.parts import NAME_LENGTH
from app.web.guarded import BROKEN, LATE, guarded_client
from app.web.outbound import OutboundFailed, OutboundRefused

TRIES = 3
LONGEST_WAIT = 30.0
LONGEST_DETAIL = 2_000
SILENCE_SECONDS = 120.0
"""How long a provider may say nothing before the answer counts as broken off."""
SHORTENED = "\n[shortened: the conversation is longer than the model takes]"
"""How the result of a call ends of which the rest is left out."""
_AGAIN = frozenset({429, 500, 502, 503, 504, 529})
"""What a provider answers when the same request may go well later; 529 is Anthropic's "overloaded"."""


class ModelFailed(Exception):
    """The model gave no answer, or broke it off; the message says what failed, `detail` what the provider said."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail[:LONGEST_DETAIL]


@dataclass(frozen=True)
class Said:
    """Some more text of an answer, or of the thoughts before it."""

    kind: Literal["text", "reasoning"]
    text: str


@dataclass(frozen=True)
class Done:
    """The end of an answer, with what it used in tokens; without calls it is the last one.

    `said` holds what was said before the calls, if thoughts are among it.
    """

    calls: Sequence[Call]
    input_tokens: int
    output_tokens: int
    said: Sequence[Thought | str] = ()
    finish: Literal["stop", "length", "content_filter"] = "stop"
    refusal: str = ""
    """Why the model refused, in its words."""


class Exchange:
    """A conversation with one model: what was said before, then its answers and the results of its calls in turn."""

    def __init__(
        self,
        target: ModelTarget,
        system: str,
        turns: Sequence[Turn],
        tools: Sequence[ToolSpec],
        limits: Limits,
    ) -> None:
        self._target, self._limits = target, limits
        self._messages: list[ModelMessage] = messages_of(target.kind, turns, system)
        self.characters = len(system) + _length(turns) + sum(_tool_length(tool) for tool in tools)
        """How long all is that the model is told next."""
        self._parameters = ModelRequestParameters(
            function_tools=[
                ToolDefinition(
                    name=tool.name,
                    parameters_json_schema=dict(tool.schema),
                    description=tool.description or None,
                )
                for tool in tools
            ]
        )

    def recall(self, turns: Sequence[Turn]) -> None:
        """Add what was said before in the answer that goes on."""
        self._messages.extend(messages_of(self._target.kind, turns))
        self.characters += _length(turns)

    def give(self, results: Sequence[tuple[Call, str]]) -> None:
        """Tell the model what came of its calls."""
        self.characters += sum(len(call.name) + len(result) for call, result in results)
        self._messages.append(
            ModelRequest([ToolReturnPart(call.name, result, call.call_id) for call, result in results])
        )

    def shorten(self, most: int) -> bool:
        """Cut results of calls, the oldest first, as far as it takes for all to be this long; whether any was."""
        parts = [part for message in self._messages for part in message.parts]
        over = before = self.characters + TURN_CHARACTERS * len(self._messages) - most
        for part in parts:
            if over > 0 and isinstance(part, ToolReturnPart):
                text = str(part.content)
                kept = max(0, len(text.removesuffix(SHORTENED)) - over - len(SHORTENED))
                if kept + len(SHORTENED) < len(text):
                    part.content = text[:kept] + SHORTENED
                    over -= len(text) - len(part.content)
        self.characters -= before - over
        return over < before

    async def answer(self, waits: Callable[[str], None]) -> AsyncGenerator[Said | Done]:
        """The next answer as it comes. `waits` is told why it takes longer, in words. Raises ModelFailed."""
        for number in range(1, TRIES + 1):
            begun = False
            try:
                async with aclosing(self._once()) as events:
                    async for event in events:
                        begun = True
                        yield event
            except _FAILURES as error:
                less = None if begun else less_effort(self._target.kind, error, self._limits)
                if less is not None and number < TRIES:
                    waits(f"{_failure(error, self._target)} Trying again with less told about reasoning.")
                    self._limits = less
                    continue
                seconds = None if begun or number == TRIES else _wait(error, number)
                if seconds is None:
                    raise _failure(error, self._target) from error
                waits(f"{_failure(error, self._target)} Trying again in {seconds:.0f} s.")
                await asyncio.sleep(seconds)
            else:
                return

    async def _once(self) -> AsyncGenerator[Said | Done]:
        async with guarded_client("model", SILENCE_SECONDS) as client:
            model = _model(self._target, client)
            settings = settings_of(self._target.kind, model, self._limits, self._messages)
            async with model_request_stream(
                model, self._messages, model_settings=settings, model_request_parameters=self._parameters
            ) as stream:
                async for event in stream:
                    if said := _said(event):
                        yield said
                response = stream.get()
        if response.finish_reason is None:
            raise ModelFailed("The provider broke the answer off.")
        self._messages.append(response)
        self.characters += sum(
            len(str(getattr(part, "content", None) or getattr(part, "args", ""))) for part in response.parts
        )
        yield _done(response)


def _length(turns: Sequence[Turn]) -> int:
    return sum(
        len(turn.text)
        + PICTURE_CHARACTERS * len(turn.blob_ids)
        + sum(len(call.name) + len(str(call.arguments)) for call in turn.calls)
        + sum(len(one.text) for one in turn.said if isinstance(one, Thought))
        for turn in turns
    )


def _tool_length(tool: ToolSpec) -> int:
    return len(tool.name) + len(tool.description) + len(orjson.dumps(tool.schema))


_FAILURES = (
    exceptions.AgentRunError,
    exceptions.UserError,
    *BROKEN,
    OutboundFailed,
    OutboundRefused,
    JSONDecodeError,
    ModelFailed,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
)
"""What the libraries raise for answers that are none: of their own kinds, and of Python's where they did not look."""


def _model(target: ModelTarget, client: Any) -> Any:
    """The model, as pydantic-ai has it."""
    key = target.secret or "none"
    if target.kind == "anthropic":
        opened = load("anthropic:AsyncAnthropic")(**_opening(target, key, client))
        provider = load("pydantic_ai.providers.anthropic:AnthropicProvider")(anthropic_client=opened)
        return load("pydantic_ai.models.anthropic:AnthropicModel")(target.model, provider=provider)
    opened = load("openai:AsyncOpenAI")(**_opening(target, key, client))
    provider = load("pydantic_ai.providers.openai:OpenAIProvider")(openai_client=opened)
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    kind = load("pydantic_ai.models.openai:OpenAIChatModel")
    return kind(target.model, provider=provider, profile=profile)


def _opening(target: ModelTarget, key: str, client: Any) -> dict[str, Any]:
    return {"api_key": key, "base_url": target.base_url, "http_client": client, "max_retries": 0}


def _said(event: Any) -> Said | None:
    match event:
        case (
            PartStartEvent(part=TextPart(content=text))
            | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
        ):
            return Said("text", storable(text)) if text else None
        case (
            PartStartEvent(part=ThinkingPart(content=text))
            | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
        ):
            return Said("reasoning", storable(text)) if text else None
    return None


def _done(response: ModelResponse) -> Done:
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    return Done(
        [Call(storable(call.tool_call_id), _name(call.tool_name), _arguments(call)) for call in calls],
        response.usage.input_tokens,
        response.usage.output_tokens,
        thoughts_of(response) if calls else (),
        response.finish_reason if response.finish_reason in {"length", "content_filter"} else "stop",
        storable(str((response.provider_details or {}).get("refusal", ""))),
    )


def _name(given: str) -> str:
    """The name of a tool as it can be kept; no tool has one that differs by that."""
    name: str = storable(given)[:NAME_LENGTH]
    return name or "(no name)"


def _arguments(call: ToolCallPart) -> Any:
    """The arguments as an object; as they came where they are none, or where they are nested too deeply."""
    given: Any = call.args or "{}"
    try:
        read = storable(orjson.loads(given) if isinstance(given, str) else given)
    except ValueError:
        read = str(given)
    return read if isinstance(read, dict) else storable(str(given))


def _wait(error: Exception, number: int) -> float | None:
    """Seconds until the next try; None where another cannot help."""
    cause = _cause(error)
    if isinstance(error, ModelFailed | OutboundRefused | OutboundFailed) or isinstance(
        cause, OutboundRefused
    ):
        return None
    if isinstance(error, exceptions.ModelHTTPError):
        if error.status_code not in _AGAIN:
            return None
        asked = (error.headers or {}).get("retry-after", "")
        if asked.isascii() and asked.isdigit():
            return float(asked) if float(asked) <= LONGEST_WAIT else None
    elif not isinstance(error, (exceptions.ModelConnectionError, *BROKEN)):
        return None
    return float(2 ** (number - 1) * random.uniform(0.5, 1.0))


def _cause(error: BaseException) -> BaseException:
    """What began it: the innermost error of ours, else the innermost of all."""
    found: BaseException | None = error
    last = error
    while found is not None:
        if isinstance(found, OutboundRefused | OutboundFailed | ModelFailed):
            return found
        last, found = found, found.__cause__ or found.__context__
    return last


def _status(error: BaseException | None) -> int | None:
    """The status that a provider answered with, wherever in the chain of errors it stands."""
    while error is not None:
        found = getattr(error, "status_code", None)
        if isinstance(found, int):
            return found
        error = error.__cause__
    return None


def _failure(error: Exception, target: ModelTarget) -> ModelFailed:
    """An error in words, without the secret."""
    cause = _cause(error)
    if isinstance(cause, ModelFailed):
        return cause
    if isinstance(cause, OutboundRefused | OutboundFailed):
        return ModelFailed(str(cause))
    detail = str(error).replace(target.secret, "•••") if target.secret else str(error)
    status = _status(error)
    return ModelFailed(_words(error, cause) if status is None else _status_words(status, target), detail)


def _words(error: Exception, cause: BaseException) -> str:
    if isinstance(error, (exceptions.ModelTimeoutError, exceptions.ModelRequestTimeout, *LATE)):
        return "The provider took too long."
    if isinstance(error, (exceptions.ModelConnectionError, OSError, *BROKEN)):
        return "The connection to the provider broke."
    if isinstance(error, exceptions.ModelAPIError) and not isinstance(cause, ValueError):
        return "The provider broke the answer off."
    return "The provider's answer cannot be read."


def _status_words(status: int, target: ModelTarget) -> str:
    match status:
        case 401 | 403:
            return f"The provider refused the key of the connection ({status})."
        case 404:
            return f"The provider knows no model {target.model}, or nothing at this address (404)."
        case 429:
            return "The provider asks for patience: too many requests, or no credit (429)."
        case _ if status >= 500:
            return f"The provider failed ({status})."
    return f"The provider refused the request ({status})."
