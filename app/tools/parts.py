"""What tools are made of: where an HTTP tool calls, what an MCP tool is called at its server, and what is built in."""

import re
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
IN_QUERY = ("GET", "DELETE")
"""Methods whose arguments go to the query unless the tool says otherwise."""
PLACES = ("query", "body")
MOST_SECONDS, MOST_BYTES = 60, 256_000
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class _Config(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HttpConfig(_Config):
    """Where an HTTP tool calls. `{name}` in the path of `url` is that argument; `places` says where others go.

    The secret is sent in `auth_header` behind `auth_prefix`. `seconds` bounds a call, `max_bytes` its answer.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    places: dict[str, Literal["query", "body"]] = Field(default_factory=dict)
    auth_header: str = "Authorization"
    auth_prefix: str = "Bearer "
    seconds: int = Field(20, ge=1, le=MOST_SECONDS)
    max_bytes: int = Field(64_000, ge=1, le=MOST_BYTES)


class McpConfig(_Config):
    """What the tool is called at its server."""

    tool: str
    seconds: int = Field(30, ge=1, le=MOST_SECONDS)


@dataclass(frozen=True)
class BuiltIn:
    """A tool that needs no row; agents choose it by its name, and snapshots hold it by its id."""

    id: UUID
    name: str
    description: str
    input_schema: dict[str, Any]


CALCULATOR = BuiltIn(
    UUID("3f0e5c52-6c1d-5d4e-9a59-8f6a2c7d1b01"),
    "calculator",
    "Works out an arithmetic expression: + - * / // % **, parentheses, and the functions abs, round, min, max, sqrt.",
    {
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "minLength": 1,
                "maxLength": 500,
                "description": "Such as (12.5 + 3) * 4 / 7.",
            }
        },
        "required": ["expression"],
        "additionalProperties": False,
    },
)
BUILT_IN: dict[str, BuiltIn] = {CALCULATOR.name: CALCULATOR}
"""Those that agents choose, by name. Searching their knowledge and the time are theirs anyhow."""
RESERVED = frozenset({*BUILT_IN, "search_knowledge", "current_time"})
"""Names that no tool of an organisation may have."""
