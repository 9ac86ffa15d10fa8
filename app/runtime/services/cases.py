"""Evaluation cases made of messages of threads: what was said up to a point."""

from typing import Any
from uuid import UUID

from app.runtime.repo import RunsRepo
from app.runtime.services.lineage import with_earlier
from app.runtime.services.prompting import turns_of
from app.threads.repo.messages import MessageRepo
from app.web.errors import NotFound, Refusal

MOST_TURNS = 100
"""Messages that a case begins with; earlier ones are left out."""
MOST_CHARACTERS = 400_000
NO_QUESTION = "Nobody asked anything before this message, so there is nothing to save."
TOO_LONG = "What was said before this message is longer than 400,000 characters."


def turns_before(org_id: UUID, thread_id: UUID, message_id: UUID) -> list[dict[str, str]]:
    """What was said up to a message of a person, or before an answer; the last is a person's.

    Raises NotFound, and Refusal 409 where nobody asked anything or too much was said.
    """
    row = MessageRepo().get(org_id, thread_id, message_id)
    if row is None:
        raise NotFound
    rows = with_earlier(
        org_id, thread_id, MessageRepo().before(org_id, thread_id, message_id, MOST_TURNS).rows or [row]
    )
    told = [*(kept for kept in rows if kept.id != row.id), *([row] if row.role == "user" else [])]
    turns = [
        {"role": turn.role, "text": turn.text}
        for kept in told[-MOST_TURNS:]
        for turn in turns_of(kept)
        if turn.role != "tool" and turn.text
    ]
    while turns and turns[-1]["role"] != "user":
        turns.pop()
    if not turns:
        raise Refusal(409, NO_QUESTION)
    if sum(len(turn["text"]) for turn in turns) > MOST_CHARACTERS:
        raise Refusal(409, TOO_LONG)
    return turns


def variables_of(org_id: UUID, thread_id: UUID) -> dict[str, Any]:
    """What the variables of the prompt were filled with last in the thread."""
    return dict(RunsRepo().last_variables(org_id, thread_id))
