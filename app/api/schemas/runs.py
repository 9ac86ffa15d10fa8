"""Runs of agents in the API: a question, and what became of it."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from flask import request
from pydantic import Field

from app.api.schemas.lists import Listing, parameters
from app.api.schemas.strict import Id, Model
from app.api.schemas.threads import Message
from app.runtime.forms import MESSAGE_LENGTH, RUN_LIST, VARIABLE_LENGTH
from app.runtime.repo import ListedRun, RunRow
from app.threads.parts import TextPart
from app.web.errors import FieldError, Refusal

Words = Annotated[
    str, Field(min_length=1, max_length=MESSAGE_LENGTH, pattern=r"^[^\u0000]*[^\u0000\s][^\u0000]*$")
]
VariableName = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Value = Annotated[str, Field(max_length=VARIABLE_LENGTH, pattern=r"^[^\u0000]*$")]
Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "expired", "skipped"]
QUERY = parameters(RUN_LIST)


_EVENT_ID = {"type": "string", "pattern": "^[0-9]{1,9}$"}
AFTER = (
    {
        "name": "after",
        "in": "query",
        "description": "The number of the last event that is known; `Last-Event-ID` comes before it.",
        "schema": _EVENT_ID,
    },
    {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The same, as browsers send it.",
        "schema": _EVENT_ID,
    },
)
"""How the events of a run are asked for."""


def read_after() -> int:
    """The number of the last event that is known; 0 for none. Refusal 422 for what is no number."""
    sent = request.headers.get("Last-Event-ID")
    name, raw = ("Last-Event-ID", sent) if sent else ("after", request.args.get("after", "0"))
    if not re.fullmatch("[0-9]{1,9}", raw):
        words = "Give the number of an event."
        raise Refusal(422, words, errors=[FieldError(name, words)])
    return int(raw)


class RunDraft(Model):
    """A question to an agent. It is answered in a new thread, or in one of the same agent that goes on."""

    input: Words
    thread_id: Id | None = None
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | Literal["latest"] = "latest"
    variables: Annotated[dict[VariableName, Value], Field(max_length=50)] = {}
    mode: Annotated[
        Literal["background", "blocking", "streaming"],
        Field(
            description="Whether to answer at once, with the end of the run if it comes within a minute, or by events."
        ),
    ] = "background"

    def parts(self) -> tuple[TextPart, ...]:
        """The question as a message."""
        return (TextPart(text=self.input),)


class Run(Model):
    """A run. `message` is the answer with what it used and cost; it holds what was said so far once that is stored."""

    id: UUID
    status: Status
    error: str | None
    thread_id: UUID
    message: Message | None


class RunSummary(Model):
    """A run in a list, with what its answer used and cost so far; `trigger` says what began it."""

    id: UUID
    status: Status
    trigger: Literal["person", "schedule", "program", "system"]
    error: Annotated[str | None, Field(description="Its first 300 characters.")]
    thread_id: UUID
    thread_name: str
    message_id: UUID | None
    agent_version: int | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    latency_ms: int | None
    first_token_ms: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunListing(Listing[RunSummary]):
    """A page of runs."""


def listed_run(row: ListedRun) -> RunSummary:
    """A run of the list."""
    return RunSummary.model_validate(row, from_attributes=True)


def shown_run(row: RunRow, message: Message | None) -> Run:
    """A run as it is stored; one whose answer is complete has succeeded, though its task is about to say so only."""
    status = "succeeded" if row.live and message and message.status == "complete" else row.status
    values = {"id": row.id, "status": status, "error": row.error, "thread_id": row.thread_id}
    return Run.model_validate({**values, "message": message})
