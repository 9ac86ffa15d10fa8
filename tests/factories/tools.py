"""Tools."""

import itertools
from typing import Any

from app.orgs.models import Org
from app.tools.models import Tool
from tests.factories.rows import save

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
_numbers = itertools.count(1)


def tool(org: Org, url: str = "https://192.0.2.1/weather/{city}", **values: Any) -> Tool:
    """Store an HTTP tool; `config` in `values` is added to its address."""
    given = {
        "name": f"tool_{next(_numbers)}",
        "description": "Says the weather.",
        "kind": "http",
        "input_schema": SCHEMA,
        "approval": "allow",
        **values,
    }
    return save(Tool(org_id=org.id, **{**given, "config": {"url": url, **values.get("config", {})}}))


def mcp_tool(org: Org, server: Any, tool: str = "look_up", **values: Any) -> Tool:
    """Store a tool of an MCP server."""
    given = {
        "name": tool,
        "kind": "mcp",
        "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
        "approval": "allow",
        "config": {"tool": tool},
        "mcp_server_id": server.id,
    }
    return save(Tool(**{"org_id": org.id, **given, **values}))


def one_of_each(org: Org, canary: str) -> dict[str, Any]:
    """Return a tool, by its table's name."""
    return {"tools": tool(org, name=f"{canary}_tool", description=f"{canary} looks up")}
