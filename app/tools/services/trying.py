"""Trying a tool of an MCP server: a worker makes the call, and the person who asked reads what came of it.

What is sent and answered is kept sealed in the task: others see tasks, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.connections.providers import masked
from app.connections.repo.mcp_servers import McpServersRepo
from app.db.queue import cancel_tasks, enqueue
from app.db.sealed import SealBroken, open_json, seal_json
from app.db.work import ANSWERS, SEALED, Kind, TaskInput
from app.late import later
from app.tools.parts import MOST_SECONDS
from app.tools.repo.calls import CallRow, CallsRepo
from app.tools.repo.tools import ToolFacts
from app.tools.services.calling import ready, ready_server
from app.tools.services.schemas import SchemaRefused, check_schema
from app.web.errors import NotFound

_SLACK_SECONDS = 30


class TryInput(TaskInput):
    """A tool of the organisation, or one that a server of it names; `sealed` holds the arguments."""

    tool_id: UUID | None = None
    server_id: UUID | None = None
    tool: str | None = None
    sealed: str


TRY = Kind(
    name="tools.try",
    title="Try-out of an MCP tool",
    given=TryInput,
    run=later("app.tools.services.mcp_trying:try_tool"),
    right="tools.edit",
    queue=ANSWERS,
    seconds=MOST_SECONDS + _SLACK_SECONDS,
)


@dataclass(frozen=True)
class Target:
    """An MCP tool to try: one of the organisation, or one that a server names and that no agent is offered yet.

    `fault` says why arguments cannot be checked by its schema; there is none then.
    """

    org_id: UUID
    name: str
    description: str
    schema: Mapping[str, Any]
    tool_id: UUID | None = None
    server_id: UUID | None = None
    fault: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the parts of the answer, each with kind, text and length, or in `words` why there is none.

    `failed` is what the tool itself says; `more` counts the parts that were left out.
    """

    words: str = ""
    parts: Sequence[Mapping[str, Any]] = ()
    more: int = 0
    failed: bool = False
    milliseconds: int | None = None


@dataclass(frozen=True)
class Call:
    """A call as the person who asked for it reads it: what was sent, and what came of it once it has ended.

    `readable` is false where both are sealed with a key that is no longer known.
    """

    row: CallRow
    arguments: Mapping[str, Any]
    shown: str
    outcome: Outcome | None
    readable: bool = True


def tool_target(tool: ToolFacts) -> Target:
    """An MCP tool of the organisation."""
    return Target(tool.org_id, tool.name, tool.description, tool.input_schema, tool_id=tool.id)


def server_target(org_id: UUID, server_id: UUID, name: str) -> Target:
    """What a server named when it was last tested. Raises NotFound."""
    server = McpServersRepo().get(org_id, server_id)
    named = McpServersRepo().tools(org_id, server_id) if server else []
    found = next((tool for tool in named if tool["name"] == name), None)
    if server is None or found is None:
        raise NotFound
    schema, fault = found["input_schema"], ""
    try:
        check_schema(schema or {})
    except SchemaRefused as refused:
        fault = str(refused) if schema else "The schema was too large to be kept."
    checked = {} if fault else schema
    return Target(org_id, name, found["description"], checked, server_id=server_id, fault=fault)


def begin_call(target: Target, arguments: Mapping[str, Any]) -> UUID:
    """Have a worker call a tool; the id of the task. Raises CallFailed for a tool that cannot be called now."""
    if target.tool_id:
        secret = ready(target.org_id, target.tool_id).secret
        place: dict[str, Any] = {"tool_id": target.tool_id}
    else:
        _, secret = ready_server(target.org_id, target.server_id)
        place = {"server_id": target.server_id, "tool": target.name}
    sent = json.dumps(arguments, indent=2, ensure_ascii=False).encode(errors="replace").decode()
    sealed = seal_json({"arguments": arguments, "shown": masked(sent, secret)})
    return enqueue(TRY, TryInput(**place, sealed=sealed))


def found_call(target: Target, user_id: UUID, task_id: UUID) -> Call:
    """A call of this tool that this person asked for. Raises NotFound."""
    row = CallsRepo().get(target.org_id, user_id, TRY.name, task_id)
    given = TRY.read(row.payload) if row else None
    if row is None or given is None or not _is_of(given, target):
        raise NotFound
    try:
        sent = open_json(given.sealed)
        outcome = Outcome(**open_json(row.result[SEALED])) if row.result else None
    except SealBroken:
        return Call(row, {}, "", None, readable=False)
    return Call(row, sent["arguments"], sent["shown"], outcome)


def stop_call(target: Target, user_id: UUID, task_id: UUID) -> None:
    """End a call that waits, and ask one that is being made to stop. Raises NotFound; one that has ended stays."""
    row = found_call(target, user_id, task_id).row
    if row.live and row.cancel_requested_at is None:
        cancel_tasks(target.org_id, [task_id])
        record("task.cancel", "task", task_id, TRY.title, before={"status": row.status})


def _is_of(given: TryInput, target: Target) -> bool:
    if target.tool_id:
        return given.tool_id == target.tool_id
    return (given.server_id, given.tool) == (target.server_id, target.name)
