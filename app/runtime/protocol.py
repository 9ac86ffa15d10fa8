"""A conversation, and how its answer is to be found, as pydantic-ai passes them to each provider.

No provider may refuse what the form of an agent allows: what does not go together is left out here.
"""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.profiles.anthropic import anthropic_model_profile
from pydantic_ai.settings import ModelSettings

from app.connections.services.targets import ModelTarget
from app.runtime.turns import Limits, Thought, Turn

OFF = "off"
BUDGETS = {"low": 2_048, "medium": 10_000, "high": 16_384}
"""Tokens of thought that models of Anthropic get which do not choose for themselves."""
SHORTEST_BUDGET = 1_024
"""Anthropic refuses less."""
WARMEST = 1.0
"""The highest temperature that Anthropic takes."""
_THOUGHTLESS = (
    "claude-2",
    "claude-3-5",
    "claude-3-haiku",
    "claude-3-opus",
    "claude-3-sonnet",
    "claude-instant",
)
_PLAIN = ("chatgpt-", "gpt-3", "gpt-4", "gpt-5-chat")
"""Models of OpenAI that refuse to be told how much to reason."""


def messages_of(kind: str, turns: Sequence[Turn], system: str = "") -> list[ModelMessage]:
    """The turns as messages to a provider of this kind; results of calls that follow each other are one message."""
    messages: list[ModelMessage] = [ModelRequest([SystemPromptPart(system)])] if system else []
    results: list[ToolReturnPart] = []
    for turn in turns:
        if turn.role == "tool":
            if not results:
                messages.append(ModelRequest(results))
            results.append(ToolReturnPart(turn.name, turn.text, turn.call_id))
            continue
        results = []
        if turn.role == "user":
            shown = [BinaryContent(one.content, media_type=one.media_type) for one in turn.pictures]
            messages.append(ModelRequest([UserPromptPart([turn.text, *shown] if shown else turn.text)]))
        else:
            messages.append(_response(kind, turn))
    return messages


def thoughts_of(response: ModelResponse) -> Sequence[Thought | str]:
    """What a model said and thought, in order; nothing if no thought of it has to come back."""
    said: list[Thought | str] = []
    for part in response.parts:
        if isinstance(part, ThinkingPart) and (part.signature or part.id):
            said.append(Thought(part.content, part.signature, part.id))
        elif isinstance(part, TextPart) and part.content:
            said.append(part.content)
    return said if any(isinstance(one, Thought) for one in said) else ()


def settings_of(kind: str, model: Any, limits: Limits, messages: Sequence[ModelMessage]) -> ModelSettings:
    """The settings of the next request to a model of pydantic-ai."""
    settings = ModelSettings(timeout=limits.seconds)
    if limits.max_output_tokens is not None:
        settings["max_tokens"] = limits.max_output_tokens
    effort = limits.reasoning_effort
    if effort is not None:
        told = _anthropic(model, effort, limits, messages) if kind == "anthropic" else _openai(model, effort)
        settings = ModelSettings(**settings, **told)  # type: ignore[typeddict-item]
    warmth = limits.temperature
    if warmth is not None and kind == "anthropic":
        cold = settings.get("thinking") or model.profile.get("anthropic_disallows_sampling_settings")
        warmth = None if cold else min(warmth, WARMEST)
    if warmth is not None:
        settings["temperature"] = warmth
    return settings


def less_effort(kind: str, error: Exception, limits: Limits) -> Limits | None:
    """What to ask with instead, once a provider refused how much the model shall reason; None if it did not.

    Newer models of OpenAI take no tools in this protocol while they reason, even by default, but do without; others
    know nothing of reasoning.
    """
    refused = isinstance(error, ModelHTTPError) and error.status_code == HTTPStatus.BAD_REQUEST
    if kind != "openai" or not refused or "reasoning_effort" not in str(error):
        return None
    return replace(limits, reasoning_effort=None if limits.reasoning_effort == OFF else OFF)


def most_output(target: ModelTarget) -> int | None:
    """The most tokens that a model can answer with, as far as that is known."""
    profile: Any = (anthropic_model_profile(target.model) or {}) if target.kind == "anthropic" else {}
    known = [size for size in (profile.get("anthropic_max_output_tokens"), target.context_size) if size]
    return min(known, default=None)


def _response(kind: str, turn: Turn) -> ModelResponse:
    calls = [ToolCallPart(call.name, call.arguments, call.call_id) for call in turn.calls]
    if not turn.said:
        return ModelResponse([*([TextPart(turn.text)] if turn.text else []), *calls])
    said = [
        TextPart(one)
        if isinstance(one, str)
        else ThinkingPart(one.text, id=one.name, signature=one.signature, provider_name=kind)
        for one in turn.said
    ]
    return ModelResponse([*said, *calls], provider_name=kind)


def _openai(model: Any, effort: str) -> dict[str, Any]:
    """What OpenAI's protocol calls it: the nearest that a known model takes, else exactly what was chosen."""
    if model.profile.get("supports_thinking"):
        return {"thinking": False if effort == OFF else effort}
    if model.model_name.startswith(_PLAIN):
        return {}
    return {"openai_reasoning_effort": "none" if effort == OFF else effort}


def _anthropic(model: Any, effort: str, limits: Limits, messages: Sequence[ModelMessage]) -> dict[str, Any]:
    """What Anthropic's protocol calls it: newer models choose how long they think, others have a budget.

    A budget takes at most half of the longest answer, which counts thoughts as well. Such a model has to begin its part
    of the conversation with thoughts that are signed; where those are not there, it goes on without.
    """
    if effort == OFF or model.model_name.startswith(_THOUGHTLESS):
        return {"thinking": False}
    if model.profile.get("anthropic_supports_adaptive_thinking"):
        return {"thinking": effort}
    budget = BUDGETS[effort]
    if limits.max_output_tokens is not None:
        budget = min(budget, limits.max_output_tokens // 2)
    if budget < SHORTEST_BUDGET or _unsigned(messages):
        return {"thinking": False}
    return {"thinking": effort, "anthropic_thinking": {"type": "enabled", "budget_tokens": budget}}


def _unsigned(messages: Sequence[ModelMessage]) -> bool:
    """Whether the model goes on from calls of which the first were made without signed thoughts before them."""
    first: ModelResponse | None = None
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            if not any(isinstance(part, ToolCallPart) for part in message.parts):
                break
            first = message
        elif first and any(isinstance(part, UserPromptPart) for part in message.parts):
            break
    if first is None:
        return False
    begins = first.parts[0]
    return not (isinstance(begins, ThinkingPart) and begins.signature)
