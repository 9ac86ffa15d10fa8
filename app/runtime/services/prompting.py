"""What a model is told: the agent's prompt with its variables, and as much of the thread as fits its context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from app.agents.snapshot import Snapshot
from app.connections.services.targets import CHARACTERS_A_TOKEN, about_tokens
from app.runtime.services.variables import filled_in
from app.runtime.turns import PICTURE_CHARACTERS, Call, Round, ToolSpec, Turn
from app.threads.repo.messages import MessageRow

TOKENS_A_TURN = 8
ANSWER_TOKENS = 4_096
"""Kept free for the answer where the agent sets no limit."""
LONGEST_RESULT = 20_000


@dataclass(frozen=True)
class Fitted:
    """The turns that fit, and how many messages before them were left out."""

    turns: tuple[Turn, ...]
    left_out: int


def system_prompt(agent: Snapshot, variables: Mapping[str, str], rows: Sequence[MessageRow] = ()) -> str:
    """The persona, the prompt with its `{{variables}}` filled in, and what the thread's system messages add.

    Variables without a value stay as they are.
    """
    texts = [agent.persona.prompt if agent.persona else "", agent.prompt]
    whole = "\n\n".join(text.strip() for text in texts if text.strip())
    filled = filled_in(whole, variables)
    return "\n\n".join(filter(None, [filled, *(row.text_content for row in rows if row.role == "system")]))


def fitted(
    rows: Sequence[MessageRow],
    system: str,
    tools: Sequence[ToolSpec],
    agent: Snapshot,
    context_size: int | None,
) -> Fitted:
    """The newest messages that fit the context beside the prompt, the tools and the answer; always the last one."""
    if context_size is None:
        return Fitted(tuple(turn for row in rows for turn in turns_of(row)), 0)
    tools_text = "".join(
        f"{tool.name}{tool.description}{orjson.dumps(tool.schema).decode()}" for tool in tools
    )
    left = (
        context_size
        - (agent.settings.max_output_tokens or ANSWER_TOKENS)
        - about_tokens(len(system + tools_text))
    )
    kept: list[list[Turn]] = []
    for row in reversed(rows):
        turns = turns_of(row)
        left -= sum(about_tokens(len(_whole(turn))) + TOKENS_A_TURN for turn in turns)
        left -= sum(len(turn.blob_ids) for turn in turns) * PICTURE_CHARACTERS // CHARACTERS_A_TOKEN
        if left < 0 and kept:
            break
        kept.append(turns)
    while len(kept) > 1 and (not kept[-1] or kept[-1][0].role != "user"):
        kept.pop()
    return Fitted(tuple(turn for turns in reversed(kept) for turn in turns), len(rows) - len(kept))


def turns_of(row: MessageRow, rounds: Sequence[Round] = ()) -> list[Turn]:
    """A stored message as turns: texts, and each call followed by its result. Thoughts and failures stay out.

    `rounds` are those of an answer that goes on: with its thoughts, the calls of one round together.
    """
    if row.role == "user":
        return [Turn("user", _words(row.parts), blob_ids=_blob_ids(row.parts))] if row.parts else []
    if row.role != "assistant":
        return []
    results = {part["call_id"]: part for part in row.parts if part["kind"] == "tool_result"}
    round_of = {call_id: one for one in rounds for call_id in one.calls}
    turns: list[Turn] = []
    words: list[dict[str, Any]] = []
    place, last = 0, None
    for part in row.parts:
        if part["kind"] == "tool_call" and part["call_id"] in results:
            call = Call(part["call_id"], part["name"], part.get("arguments") or {})
            current = round_of.get(call.call_id)
            if current and current is last:
                turns[place] = replace(turns[place], calls=[*turns[place].calls, call])
            else:
                place, last = len(turns), current
                turns.append(Turn("assistant", _words(words), [call], said=current.said if current else ()))
            turns.append(
                Turn("tool", result_text(results[call.call_id]), call_id=call.call_id, name=call.name)
            )
            words = []
        else:
            words.append(part)
    rest = _words(words)
    return [*turns, Turn("assistant", rest)] if rest else turns


def result_text(part: Mapping[str, Any]) -> str:
    """The result of a call as the model reads it, at most 20,000 characters."""
    result = part.get("result")
    text = result if isinstance(result, str) else orjson.dumps(result).decode()
    status = part.get("status", "succeeded")
    if status != "succeeded":
        text = f"The call was not allowed: {text}" if status == "rejected" else f"The call failed: {text}"
    return (
        text
        if len(text) <= LONGEST_RESULT
        else f"{text[:LONGEST_RESULT]}\n[cut after {LONGEST_RESULT} characters]"
    )


def _words(parts: Sequence[Mapping[str, Any]]) -> str:
    """The texts, and the names of files and images."""
    texts = []
    for part in parts:
        if part["kind"] == "text":
            texts.append(part["text"])
        elif part["kind"] == "file":
            texts.append(f"[file: {part['name']}]")
        elif part["kind"] == "image":
            texts.append(f"[image: {part.get('alt') or 'without description'}]")
    return "\n\n".join(texts)


def _blob_ids(parts: Sequence[Mapping[str, Any]]) -> list[UUID]:
    return [UUID(part["blob_id"]) for part in parts if part["kind"] == "image" and part.get("blob_id")]


def _whole(turn: Turn) -> str:
    return turn.text + "".join(f"{call.name}{call.arguments}" for call in turn.calls)
