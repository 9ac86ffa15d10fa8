"""The task that asks an MCP server for its tools."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.connections.repo.mcp_servers import McpServersRepo
from app.db.queue import enqueue
from app.db.work import Kind, TaskInput, Work
from app.late import load


class DiscoveryInput(TaskInput):
    """The server to ask."""

    server_id: UUID


def _run(work: Work, given: DiscoveryInput) -> Mapping[str, Any]:
    """Do it; the packages that speak the protocol are loaded by the first task that needs them."""
    done: Mapping[str, Any] = load("app.connections.services.discovering:discover")(work, given.server_id)
    return done


def _ended(org_id: UUID, task_id: UUID, given: DiscoveryInput, reason: str) -> None:
    """Say on the server why nothing was found out."""
    found = McpServersRepo().get(org_id, given.server_id)
    if found and found.task_id == task_id:
        McpServersRepo().note(org_id, given.server_id, {"task_id": None, "error": reason})


DISCOVER = Kind(
    name="connections.discover",
    title="Listing of the tools of an MCP server",
    given=DiscoveryInput,
    run=_run,
    right="connections.edit",
    seconds=60,
    ended=_ended,
)


def queue_discovery(server_id: UUID) -> UUID:
    """Have a worker ask a server for its tools; the id of the task."""
    return enqueue(DISCOVER, DiscoveryInput(server_id=server_id))
