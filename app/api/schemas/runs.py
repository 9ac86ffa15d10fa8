"""Runs of agents in the API: a question, and what became of it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.api.schemas.strict import Id, Model
from app.api.schemas.threads import Message
from app.runtime.forms import MESSAGE_LENGTH, VARIABLE_LENGTH
from app.runtime.repo import RunRow
from app.threads.parts import TextPart

Words = Annotated[
    str, Field(min_length=1, max_length=MESSAGE_LENGTH, pattern=r"^[^\u0000]*[^\u0000\s][^\u0000]*$")
]
VariableName = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Value = Annotated[str, Field(max_length=VARIABLE_LENGTH, pattern=r"^[^\u0000]*$")]


AFTER = (
    {
        "name": "after",
        "in": "query",
        "description": "The number of the last event that is known; `Last-Event-ID` comes before it.",
        "schema": {"type": "string", "maxLength": 9},
    },
)
"""How the events of a run are asked for."""


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
    status: Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "expired", "skipped"]
    error: str | None
    thread_id: UUID
    message: Message | None


def shown_run(row: RunRow, message: Message | None) -> Run:
    """A run as it is stored."""
    values = {"id": row.id, "status": row.status, "error": row.error, "thread_id": row.thread_id}
    return Run.model_validate({**values, "message": message})
