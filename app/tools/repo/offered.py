"""What MCP servers offer to be added as tools."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.connections.models import McpServer
from app.db.base import db
from app.tools.models import Tool

MOST_SERVERS = 50


@dataclass(frozen=True)
class Offered:
    """A tool that an enabled MCP server named; `added` says that the organisation has it already."""

    server_id: UUID
    server: str
    name: str
    description: str
    input_schema: dict[str, Any] | None
    added: bool

    @property
    def key(self) -> str:
        """What forms choose it by."""
        return f"{self.server_id}:{self.name}"


def offered_tools(org_id: UUID) -> list[Offered]:
    """The tools of the organisation's enabled servers, by server and name; one statement."""
    added = (
        select(func.jsonb_agg(Tool.config["tool"]))
        .where(Tool.org_id == McpServer.org_id, Tool.mcp_server_id == McpServer.id)
        .correlate(McpServer)
        .scalar_subquery()
    )
    statement = (
        select(McpServer.id, McpServer.name, McpServer.discovered, added.label("added"))
        .where(McpServer.org_id == org_id, McpServer.enabled, McpServer.discovered.is_not(None))
        .order_by(func.lower(McpServer.name), McpServer.id)
        .limit(MOST_SERVERS)
    )
    return [
        Offered(
            row.id,
            row.name,
            tool["name"],
            tool["description"],
            tool["input_schema"],
            tool["name"] in (row.added or ()),
        )
        for row in db.session().execute(statement)
        for tool in sorted(row.discovered, key=lambda tool: tool["name"])
    ]
