"""What Anthropic refuses of requests to models that think, as its documentation gives it.

https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, .../adaptive-thinking
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

Block = dict[str, Any]
THOUGHTS = ("thinking", "redacted_thinking")
SHORTEST_BUDGET = 1_024


def signed(text: str) -> Block:
    """A block of thoughts with the signature that only its server makes."""
    made = hashlib.sha256(b"known to the server" + text.encode(errors="surrogatepass")).digest()
    return {"type": "thinking", "thinking": text, "signature": base64.b64encode(made).decode()}


class Rules:
    """What one server has thought, and whether it is told so again."""

    def __init__(self) -> None:
        self._hidden: list[Block] = []
        self._before: dict[str, list[list[Block]]] = {}

    def note(self, thoughts: Sequence[Block], call_ids: Sequence[str]) -> None:
        """Remember the thoughts that were sent before these calls."""
        self._hidden += [block for block in thoughts if block["type"] == "redacted_thinking"]
        for call_id in call_ids:
            self._before.setdefault(call_id, []).append(list(thoughts))

    def refusal(self, asked: dict[str, Any]) -> str | None:
        """Why a request is answered with 400; None if it is not."""
        return next(self._faults(asked), None)

    def _faults(self, asked: dict[str, Any]) -> Iterator[str]:
        thinking = asked.get("thinking") or {"type": "disabled"}
        warmth = asked.get("temperature")
        if warmth is not None and not 0 <= warmth <= 1:
            yield "temperature: range: 0..1"
        messages = _joined(asked["messages"])
        for message in messages:
            yield from self._forged(message)
        if thinking["type"] == "disabled":
            return
        if warmth not in (None, 1):
            yield "`temperature` may only be set to 1 when thinking is enabled."
        if thinking["type"] == "enabled":
            if thinking["budget_tokens"] < SHORTEST_BUDGET:
                yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
            if thinking["budget_tokens"] >= asked["max_tokens"]:
                yield "`max_tokens` must be greater than `thinking.budget_tokens`."
            yield from self._bare(_present(messages))

    def _forged(self, message: dict[str, Any]) -> Iterator[str]:
        for block in message["content"]:
            if block["type"] == "thinking":
                if block["signature"] != signed(block["thinking"])["signature"]:
                    yield "messages: Invalid `signature` in `thinking` block"
            elif block["type"] == "redacted_thinking" and block not in self._hidden:
                yield "messages: Invalid `data` in `redacted_thinking` block"

    def _bare(self, present: Sequence[dict[str, Any]]) -> Iterator[str]:
        for place, message in enumerate(present):
            begins = message["content"][0]["type"]
            if place == 0 and begins not in THOUGHTS:
                yield (
                    f"messages: Expected `thinking` or `redacted_thinking`, but found `{begins}`. When `thinking` is "
                    "enabled, a final `assistant` message must start with a thinking block (preceding the lastmost set "
                    "of `tool_use` and `tool_result` blocks)."
                )
            thoughts = [block for block in message["content"] if block["type"] in THOUGHTS]
            for block in message["content"]:
                if block["type"] == "tool_use" and thoughts not in self._before.get(block["id"], [thoughts]):
                    yield "messages: `thinking` blocks in the latest `assistant` message cannot be modified."


def _joined(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with those of one role in a row as one, each a list of blocks."""
    joined: list[dict[str, Any]] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1]["content"] += blocks
        else:
            joined.append({"role": message["role"], "content": blocks})
    return joined


def _present(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the model said since a person last spoke, if it goes on from calls."""
    said: list[dict[str, Any]] = []
    for message in reversed(messages):
        kinds = {block["type"] for block in message["content"]}
        if message["role"] == "assistant":
            if "tool_use" not in kinds:
                break
            said.insert(0, message)
        elif "tool_result" not in kinds and said:
            break
    return said
