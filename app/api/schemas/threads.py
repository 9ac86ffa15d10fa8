"""Threads, their messages and what people think of them in the API."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import request
from pydantic import Field, WithJsonSchema, model_validator

from app.api.schemas.lists import Listing, parameters, read_state
from app.api.schemas.strict import CANONICAL_ID, Id, Line, Model, Name
from app.threads.forms import thread_list
from app.threads.parts import MOST_PARTS, Part
from app.threads.repo.feedback import FeedbackRow
from app.threads.repo.listed import ThreadRow
from app.threads.repo.messages import MessageRow
from app.threads.repo.threads import ThreadHead
from app.web.errors import FieldError, Refusal
from app.web.listing import ListSpec, ListState

MOST_MESSAGES = 100
MOST_ASKED = 50
Origin = Literal["console", "api", "import", "schedule", "playground"]
Role = Literal["user", "assistant", "system", "tool"]
Reason = Literal["inaccurate", "incomplete", "not_followed", "unsafe", "slow", "style", "other"]
Person = Annotated[
    Line, Field(min_length=1, description="Somebody outside the organisation, by a name of yours.")
]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Micros = Annotated[int, Field(ge=0, le=2**53 - 1, description="Millionths of a US dollar.")]
Shown = Annotated[
    list[dict[str, Any]],
    WithJsonSchema({"type": "array", "items": {"type": "object"}, "description": "As they were sent."}),
]


class MessageDraft(Model):
    """A message to add at the end of a thread."""

    role: Role
    parts: Annotated[list[Part], Field(min_length=1, max_length=MOST_PARTS)]
    model: Annotated[Line, Field(min_length=1)] | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost_micros: Micros | None = None
    latency_ms: Count | None = None
    first_token_ms: Count | None = None

    def facts(self) -> dict[str, Any]:
        """What is known beside role and parts."""
        return self.model_dump(exclude={"role", "parts"}, exclude_none=True)

    @model_validator(mode="after")
    def _no_files(self) -> "MessageDraft":
        if any(getattr(part, "blob_id", None) is not None for part in self.parts):
            raise ValueError("files are given by url; blob_id is for those that the product stores itself")
        return self


class ThreadDraft(Model):
    """A new thread. Without a name it is called after its first user message."""

    name: Name | None = None
    agent_id: Id | None = None
    external_user: Person | None = None
    messages: Annotated[list[MessageDraft], Field(max_length=MOST_MESSAGES)] = []


class ThreadChange(Model):
    """What changes of a thread."""

    name: Name


class ThreadSummary(Model):
    """A thread in a list."""

    id: UUID
    name: str
    status: Literal["live", "archived", "deleted"]
    origin: Origin
    agent_id: UUID | None
    agent_name: str | None
    user_id: UUID | None
    user_name: str | None
    external_user: str | None
    tags: list[str]
    message_count: int
    error_count: int
    up_count: int
    down_count: int
    tokens: int
    cost_micros: int
    last_message_at: datetime
    created_at: datetime


class Thread(ThreadSummary):
    """A thread."""

    external_id: str | None
    updated_at: datetime


class ThreadListing(Listing[ThreadSummary]):
    """A page of threads."""


class Message(Model):
    """A message. `text` is what can be searched of its parts."""

    id: UUID
    thread_id: UUID
    parent_id: UUID | None
    branch: int
    role: Role
    status: Literal["complete", "pending", "waiting", "stopped", "failed"]
    parts: Shown
    text: str
    agent_version: int | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    latency_ms: int | None
    first_token_ms: int | None
    error: str | None
    external_id: str | None
    created_at: datetime


class MessageWindow(Model):
    """Neighbouring messages, oldest first, and whether there are others on either side."""

    data: list[Message]
    older: bool
    newer: bool


class FeedbackDraft(Model):
    """What somebody thinks of a message; the person of the key unless another one is named."""

    rating: Literal["up", "down"]
    reason: Reason | None = None
    comment: Annotated[str, Field(max_length=2_000)] | None = None
    external_user: Person | None = None


class Feedback(Model):
    """A rating."""

    id: UUID
    message_id: UUID
    user_id: UUID | None
    user_name: str | None
    external_user: str | None
    rating: Literal["up", "down"]
    reason: str | None
    comment: str | None
    created_at: datetime
    updated_at: datetime


class FeedbackList(Model):
    """Every rating of a message, oldest first."""

    data: list[Feedback]


QUERY = parameters(thread_list({"agent": {}, "user": {}, "tag": {}}))


def read_threads(spec_for: Callable[[Mapping[str, Sequence[UUID]], Sequence[str]], ListSpec]) -> ListState:
    """The list that the query asks for; `spec_for` knows the choices, given the ids and tags asked for.

    Refusal 422 as for lists, and for a search by page number: it goes on by cursor only.
    """
    asked = {key: _ids(request.args.getlist(key)) for key in ("agent", "user")}
    state = read_state(spec_for(asked, request.args.getlist("tag")[:MOST_ASKED]))
    if state.terms and state.request.offset:
        words = "With q, use cursor."
        raise Refusal(422, words, errors=[FieldError("page", words)])
    return state


def _ids(values: Sequence[str]) -> list[UUID]:
    bare = [value.removeprefix("-") for value in values[:MOST_ASKED]]
    return [UUID(value) for value in bare if re.fullmatch(CANONICAL_ID, value)]


def shown_row(row: ThreadRow) -> ThreadSummary:
    """A thread of the list."""
    values = {name: getattr(row, name) for name in ThreadSummary.model_fields}
    return ThreadSummary.model_validate({**values, "tags": list(row.tags)})


def shown_thread(head: ThreadHead) -> Thread:
    """A thread as it is stored."""
    values = {name: getattr(head, name) for name in Thread.model_fields}
    return Thread.model_validate({**values, "tags": list(head.tags)})


def shown_message(row: MessageRow) -> Message:
    """A message as it is stored."""
    special = {"text": row.text_content, "agent_version": row.version}
    values = {name: getattr(row, name) for name in Message.model_fields if name not in special}
    return Message.model_validate({**values, **special})


def shown_feedback(row: FeedbackRow) -> Feedback:
    """A rating as it is stored."""
    values = {name: getattr(row, name) for name in Feedback.model_fields}
    return Feedback.model_validate({**values, "rating": "up" if row.rating > 0 else "down"})
