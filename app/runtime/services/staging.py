"""Which calls of an answer wait for a person, and what comes of them once it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from app.agents.snapshot import Snapshot, SnapshotTool
from app.db.session import transaction
from app.db.work import GiveUp, Work
from app.runtime.approvals_repo import ApprovalRow, ApprovalsRepo
from app.runtime.repo import RunsRepo
from app.runtime.services.approving import stage
from app.runtime.services.attending import attended, in_thread
from app.runtime.services.queueing import GONE, RunInput
from app.runtime.services.toolbox import Outcome, Toolbox
from app.runtime.services.transcript import CALLING, Transcript
from app.runtime.turns import Call
from app.threads.parts import NAME_LENGTH, read_parts
from app.threads.repo.messages import MessageRepo
from app.threads.services.writing import message_values

ALWAYS = "Calls of this tool always wait for a person."
UNKNOWN = (
    "The worker ended while this call was being made. Whether it was done is not known; it was not repeated."
)
_EXPIRED = "Nobody decided about this call in time."


@dataclass(frozen=True)
class Staged:
    """A call that waits, and why."""

    call: Call
    note: str
    tool: SnapshotTool


def tool_of(agent: Snapshot, name: str) -> SnapshotTool | None:
    """The agent's tool of this name; None for those that are built in, which need nobody's approval."""
    return next((tool for tool in agent.tools if tool.name == name), None)


class CallIds:
    """Ids of the calls of one answer: each is given once, whatever the model called them."""

    def __init__(self, used: Sequence[str]) -> None:
        self._used = set(used)

    def named(self, call: Call) -> Call:
        """The call under an id that no other one of the answer has."""
        wanted = call.call_id[: NAME_LENGTH - 40] or "call"
        if wanted in self._used:
            wanted = f"{wanted}-{uuid4().hex}"
        self._used.add(wanted)
        return replace(call, call_id=wanted)


def ids_of(org_id: UUID, message_id: UUID, parts: Sequence[Mapping[str, Any]]) -> CallIds:
    """The ids in use: in the answer so far, and of calls that a former try of it had decided."""
    with transaction():
        decided = [row.call_id for row in ApprovalsRepo().of_message(org_id, message_id)]
    return CallIds([*decided, *(part["call_id"] for part in parts if part["kind"] == "tool_call")])


def store_waiting(work: Work, given: RunInput, values: Mapping[str, Any], staged: Sequence[Staged]) -> None:
    """Keep the answer as far as it is, and its calls that wait, in the running transaction."""
    kept = {**values, "status": "waiting"}
    if not RunsRepo().settle_message(work.org_id, given.message_id, kept):
        raise GiveUp(GONE)
    where = {
        "task_id": work.task_id,
        "message_id": given.message_id,
        "thread_id": given.thread_id,
        "agent_id": given.agent_id,
    }
    stage(
        work.org_id,
        [
            {
                **where,
                "call_id": one.call.call_id,
                "tool": one.call.name,
                "tool_id": one.tool.id,
                "arguments": one.call.arguments,
                "note": one.note,
            }
            for one in staged
        ],
    )


async def made(work: Work, toolbox: Toolbox, call: Call) -> Outcome:
    """What comes of a call. That it begins is noted before, if it may change something outside.

    Raises what ends the task as soon as nobody wants the answer any more: the call goes on unheard.
    """
    if tool_of(toolbox.agent, call.name):
        work.tell([(CALLING, {"call_id": call.call_id})])
    return await attended(in_thread(partial(toolbox.call, call)), lambda: work.tell(()))


async def settle_decided(work: Work, given: RunInput, toolbox: Toolbox, transcript: Transcript) -> None:
    """Make the calls that were approved, each at most once ever, and tell what became of the others.

    Each result is stored before the next call: a worker that takes over goes on behind it.
    """
    with transaction():
        rows = ApprovalsRepo().of_message(work.org_id, given.message_id)
    called, answered = transcript.calls
    for row in rows:
        if row.call_id in called and row.call_id not in answered:
            parts = await _outcome(work, toolbox, row)
            work.step(f"result-{row.id}", partial(_keep, work.org_id, given, parts))
            for part in parts:
                transcript.add(part)
            work.tell(transcript.taken())


async def _outcome(work: Work, toolbox: Toolbox, row: ApprovalRow) -> Sequence[Mapping[str, Any]]:
    """The parts that come of a decided call; one that a lost worker has begun is not made again."""
    if row.status != "approved":
        by = f"Rejected by {row.decider or 'a person'}" if row.status == "rejected" else _EXPIRED
        return [_result(row, "rejected", f"{by}: {row.reason}" if row.reason else by)]
    token = uuid4().hex
    if work.step(f"call-{row.id}", lambda: token) != token:
        return [_result(row, "failed", UNKNOWN)]
    return (await made(work, toolbox, Call(row.call_id, row.tool, row.arguments))).parts


def _result(row: ApprovalRow, status: str, words: str) -> dict[str, Any]:
    return {"kind": "tool_result", "call_id": row.call_id, "status": status, "result": words}


def _keep(org_id: UUID, given: RunInput, parts: Sequence[Mapping[str, Any]]) -> None:
    row = MessageRepo().get(org_id, given.thread_id, given.message_id)
    if row is None:
        raise GiveUp(GONE)
    whole = read_parts([*row.parts, *(dict(part) for part in parts)])
    if not RunsRepo().settle_message(org_id, given.message_id, message_values(whole)):
        raise GiveUp(GONE)
