"""The task in which an agent answers: what it is given, and what becomes of an answer that does not end well."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import Field

from app.db.work import ANSWERS, Kind, TaskInput
from app.late import later
from app.orgs.repo.spending import SpendRepo
from app.runtime.approvals_repo import ApprovalsRepo
from app.runtime.repo import RunsRepo
from app.runtime.services.transcript import TOLD, Transcript
from app.threads.parts import (
    ESTIMATED,
    ErrorPart,
    NoticePart,
    Part,
    ToolCallPart,
    ToolResultPart,
    first_error,
    read_parts,
)
from app.threads.repo.messages import MessageRepo
from app.threads.services.writing import message_values

FINISH = "finish"
"""The step that stores a complete answer."""
WAIT = "wait"
"""What the name of a step begins with that has the answer wait for people."""
ABANDONED = "This call was stopped while it ran. It may have taken effect."
GONE = "The thread or the message is gone."
ANSWERED = "is of a thread that is being answered; wait for that answer, or stop it"
SECONDS = 3_700
"""A little more than the longest time that an agent may allow itself."""


class RunInput(TaskInput):
    """The message that waits to be written, by a version of the agent, or by its draft if none is named.

    What it costs counts to the limit of the key that asked, if one did; left out without one, for workers that do not
    know it yet.
    """

    thread_id: UUID
    message_id: UUID
    agent_id: UUID
    version_id: UUID | None = None
    variables: dict[str, str] = {}
    api_key_id: UUID | None = Field(None, exclude_if=lambda key: key is None)


def close_answer(org_id: UUID, task_id: UUID, given: RunInput, reason: str) -> None:
    """Keep what was said of an answer that ended early, marked as stopped or with the reason as its last part."""
    stopped = reason == "cancelled"
    events = RunsRepo().events(org_id, task_id, TOLD)
    row = MessageRepo().get(org_id, given.thread_id, given.message_id)
    told = Transcript.of((kind, data) for _, kind, data in events)
    parts: tuple[Part, ...] = max(told.parts, read_parts(row.parts) if row else (), key=len)
    used = dict(told.used)
    parts = _completed(parts, told.begun, estimated=used.pop("estimated", False))
    RunsRepo().forget_kept(org_id, task_id)
    ApprovalsRepo().cancel(org_id, task_id)
    SpendRepo().release(org_id, task_id)
    if not stopped and first_error(parts) is None:
        parts = (*parts, ErrorPart(message=reason))
    values = {
        "status": "stopped" if stopped else "failed",
        "error": first_error(parts),
        **message_values(parts),
        **used,
    }
    paid = (row.cost_micros if row else None) or 0
    if RunsRepo().settle_message(org_id, given.message_id, values) and used:
        RunsRepo().add_cost(org_id, task_id, (used["cost_micros"] or 0) - paid)


def _completed(parts: Sequence[Part], begun: set[str], *, estimated: bool) -> tuple[Part, ...]:
    """The parts; before what failed, calls that were begun get a result that says so, and an estimate is named one."""
    known = {part.call_id for part in parts if isinstance(part, ToolResultPart)}
    left: list[Part] = [
        ToolResultPart(call_id=part.call_id, status="failed", result=ABANDONED)
        for part in parts
        if isinstance(part, ToolCallPart) and part.call_id in begun - known
    ]
    notice = NoticePart(text=ESTIMATED)
    if estimated and notice not in parts:
        left.append(notice)
    end = next((place for place, part in enumerate(parts) if isinstance(part, ErrorPart)), len(parts))
    return (*parts[:end], *left, *parts[end:])


def keep_apart(org_id: UUID, given: Mapping[UUID, RunInput]) -> dict[UUID, str]:
    """The runs that must wait because their thread is being answered, or would be by a newer one of these.

    The threads are held.
    """
    newest = {run.thread_id: task_id for task_id, run in sorted(given.items())}
    repo = RunsRepo()
    repo.hold_thread(org_id, *newest)
    busy = repo.answered(org_id, newest)
    return {
        task_id: ANSWERED
        for task_id, run in given.items()
        if run.thread_id in busy or newest[run.thread_id] != task_id
    }


RUN = Kind(
    name="agent.run",
    title="Answer of an agent",
    given=RunInput,
    run=later("app.runtime.services.answering:answer"),
    right="agents.run",
    queue=ANSWERS,
    priority=10,
    seconds=SECONDS,
    ended=close_answer,
    again=keep_apart,
)
