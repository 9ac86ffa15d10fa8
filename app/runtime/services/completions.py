"""Agents asked by programs: the thread is stored, the worker answers, the program waits or follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal
from uuid import UUID

from app.agents.repo.agents import AgentRepo
from app.agents.repo.versions import VersionRepo
from app.agents.services.versions import latest_version
from app.runtime.repo import PublishedAgent, RunsRepo
from app.runtime.services.following import Told
from app.runtime.services.runs import Asked, Begun, begin_thread, say
from app.threads.parts import (
    FILTERED,
    LONGEST,
    REFUSED,
    ErrorPart,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    read_parts,
    text_content,
)
from app.threads.repo.messages import MessageRow
from app.threads.repo.threads import ThreadRepo, Viewer
from app.threads.services.pictures import store_picture
from app.threads.services.writing import append_message, create_thread
from app.web.errors import FieldError, NotFound, Refusal
from app.web.params import read_id

Piece = str | BytesIO | ToolCallPart | ToolResultPart
"""A text, a picture, or a call with its result of a tool of the client."""
Said = tuple[str, Sequence[Piece]]
"""Role of a message, and what it holds."""


WELL = ("complete", "waiting")
"""The statuses of an answer that did not fail."""
Finish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True)
class Question:
    """Whom to ask, the conversation so far with the question last, the thread to go on with, the key that asks."""

    model: str
    messages: Sequence[Said]
    thread_id: UUID | None = None
    api_key_id: UUID | None = None


def ask(org_id: UUID, viewer: Viewer, question: Question) -> Begun:
    """Store the question and have the published agent answer it, in one transaction.

    A thread that is gone on with gets the last message only: it holds the others. Refusal 404 for an unknown agent,
    one without a version, and an unknown thread; 409 as `say`; 422 where the last message is nobody's question.
    """
    role, pieces = question.messages[-1] if question.messages else ("", ())
    if role != "user" or not any(map(_holds, pieces)):
        words = "The last message must be the user's, with a text or an image."
        raise Refusal(422, words, errors=[FieldError("messages", words)])
    asked = replace(_asked(org_id, question.model), api_key_id=question.api_key_id)
    parts = _parts(org_id, pieces)
    if question.thread_id is not None or len(question.messages) == 1:
        return ask_in(org_id, viewer, asked, parts, question.thread_id)
    thread = create_thread(org_id, {"origin": "api", "agent_id": asked.agent_id, "user_id": viewer.user_id})
    for said_by, earlier in question.messages[:-1]:
        append_message(org_id, viewer, thread.id, said_by, _parts(org_id, earlier))
    return say(org_id, viewer, thread.id, asked, parts)


def _holds(piece: Piece) -> bool:
    """Whether it is more than an empty text."""
    return not isinstance(piece, str) or bool(piece.strip())


def _parts(org_id: UUID, pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """The message as it is kept, without empty texts, with its pictures, which are stored."""
    return tuple(_part(org_id, piece) for piece in pieces if _holds(piece))


def _part(org_id: UUID, piece: Piece) -> Part:
    if isinstance(piece, BytesIO):
        return store_picture(org_id, piece, "")
    return TextPart(text=piece) if isinstance(piece, str) else piece


def asked_version(org_id: UUID, agent_id: UUID, number: int | None) -> Asked:
    """A published version of an agent by its number, or the last one. Refusal 404 without it."""
    if number is None:
        version = latest_version(org_id, agent_id)
    else:
        version = VersionRepo().numbered(org_id, agent_id, [number]).get(number)
    if version is None:
        raise Refusal(404, "The agent has no such published version.")
    return Asked(agent_id, version.id)


def ask_in(
    org_id: UUID, viewer: Viewer, asked: Asked, parts: Sequence[Part], thread_id: UUID | None
) -> Begun:
    """Ask in a thread of the same agent that goes on, or in a new one. Raises NotFound, and Refusal as `say`."""
    if thread_id is None:
        return begin_thread(org_id, viewer, asked, parts, "api")
    thread = ThreadRepo().get(org_id, viewer, thread_id)
    if thread is None or thread.deleted_at is not None or thread.agent_id != asked.agent_id:
        raise NotFound
    return say(org_id, viewer, thread_id, asked, parts)


def _asked(org_id: UUID, model: str) -> Asked:
    """The agent of this id or name, as it was published last."""
    version = latest_version(org_id, _called(org_id, model))
    if version is None:
        raise _unknown(model)
    return Asked(version.agent_id, version.id)


def published_agent(org_id: UUID, model: str) -> PublishedAgent:
    """The agent of this id or name as `published_agents` has it. Refusal 404 for one that is not among them."""
    found = RunsRepo().published_agents(org_id, _called(org_id, model))
    if not found:
        raise _unknown(model)
    return found[0]


def _called(org_id: UUID, model: str) -> UUID:
    """The agent of this id or name, there or not."""
    agent_id = read_id(model)
    ids = [agent_id] if agent_id else AgentRepo().ids_of(org_id, [model])
    if not ids:
        raise _unknown(model)
    return ids[0]


def _unknown(model: str) -> Refusal:
    return Refusal(404, f"No published agent is called {model}.")


def closing(row: MessageRow) -> str:
    """What a program is told at the end of an answer that waits for people; nothing for one that is complete."""
    if row.status != "waiting":
        return ""
    results = {part["call_id"] for part in row.parts if part["kind"] == "tool_result"}
    names = [
        part["name"] for part in row.parts if part["kind"] == "tool_call" and part["call_id"] not in results
    ]
    words = f"[Waits for approval: {', '.join(names)}. The answer goes on in its thread once a person has decided.]"
    return f"\n\n{words}" if row.text_content else words


def finish_of(row: MessageRow) -> Finish:
    """Why the answer ends, in the words of OpenAI's protocol."""
    if (row.error or "").startswith((REFUSED, FILTERED)):
        return "content_filter"
    said = [part.get("message") or part["text"] for part in row.parts if part["kind"] in {"notice", "error"}]
    return "length" if any(words.startswith(LONGEST) for words in said) else "stop"


def message_of(row: MessageRow) -> dict[str, Any] | None:
    """The answer as programs get it, with what a model said that refused; None if there is none."""
    if row.status not in WELL and finish_of(row) == "stop":
        return None
    texts_said = text_content([part for part in read_parts(row.parts) if not isinstance(part, ErrorPart)])
    message = {"role": "assistant", "content": texts_said + closing(row)}
    refused, _, words = (row.error or "").partition(": ")
    return {**message, "refusal": words} if refused == REFUSED else message


def texts(told: Iterator[Told]) -> Iterator[Told]:
    """Of what a run tells, the texts of the answer as deltas, silence, and the end."""
    spoken: set[int] = set()
    for event in told:
        if event.kind == "begin":
            spoken.clear()
        elif event.kind == "part" and event.data["part"]["kind"] == "text":
            spoken.add(event.data["index"])
        elif (event.kind == "delta" and event.data["index"] in spoken) or event.kind in {"", "done"}:
            yield event
