"""Tools in the API, without the secrets that are sent with their calls."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from app.api.schemas.lists import Listing, parameters
from app.api.schemas.strict import Model
from app.tools.forms.single import TOOL_LIST
from app.tools.parts import HttpConfig, McpConfig
from app.tools.repo.tools import ToolFacts

QUERY = parameters(TOOL_LIST)
Schema = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "description": "A JSON Schema."})]


class HttpRequest(Model):
    """Where an HTTP tool calls, with the names of its headers only."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: str
    headers: list[str]
    sends_secret: bool


class Tool(Model):
    """A tool. `http` is null for one of an MCP server, `server` and `server_tool` for any other."""

    id: UUID
    name: str
    description: str
    kind: Literal["http", "mcp"]
    status: Literal["enabled", "disabled", "archived"]
    approval: Annotated[
        Literal["allow", "ask", "agent"],
        Field(
            description="Whether calls are made at once, wait for a person, or are judged by the agent's model."
        ),
    ]
    input_schema: Schema
    http: HttpRequest | None
    server: str | None
    server_tool: str | None
    offered: Annotated[bool, Field(description="Whether its MCP server named it when it was last asked.")]
    seconds: Annotated[int, Field(description="How long a call may take.")]
    agents: Annotated[int, Field(ge=0, description="How many agents use it.")]
    created_at: datetime
    updated_at: datetime


class ToolListing(Listing[Tool]):
    """A page of tools."""


def listed_tool(row: ToolFacts) -> Tool:
    """A tool as members see it."""
    values = {
        name: getattr(row, name) for name in Tool.model_fields.keys() & ToolFacts.__dataclass_fields__.keys()
    }
    if row.kind == "mcp":
        served = McpConfig.model_validate(row.config)
        return Tool.model_validate(
            {**values, "http": None, "server_tool": served.tool, "seconds": served.seconds}
        )
    config = HttpConfig.model_validate(row.config)
    http = {
        "method": config.method,
        "url": config.url,
        "headers": sorted(config.headers),
        "sends_secret": row.hint is not None,
    }
    return Tool.model_validate({**values, "http": http, "server_tool": None, "seconds": config.seconds})
