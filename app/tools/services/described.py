"""Tools as people read what they do: before they publish an agent that has them, or allow a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from app.tools.parts import BUILT_IN, HttpConfig, McpConfig
from app.tools.repo.tools import ToolFacts, ToolsRepo
from app.tools.services.tabular import Argument, arguments_of, one_line

_BUILT_IN = {tool.id: tool for tool in BUILT_IN.values()}


class Told(Protocol):
    """A tool as an agent has it."""

    @property
    def id(self) -> UUID:
        """The tool's id."""

    @property
    def name(self) -> str:
        """What models call it."""

    @property
    def description(self) -> str:
        """What models read of it."""

    @property
    def input_schema(self) -> dict[str, Any]:
        """Its arguments."""


@dataclass(frozen=True)
class Described:
    """A tool with its arguments and, in `rules`, what its schema says beside them; `stored` is the tool as it is now.

    Nothing is stored of one that is built in, or gone.
    """

    tool: Told
    arguments: Sequence[Argument]
    rules: str
    stored: ToolFacts | None

    @property
    def built_in(self) -> bool:
        """Whether it needs no row."""
        return self.tool.id in _BUILT_IN

    @property
    def request(self) -> str:
        """Method and address of an HTTP tool; empty for others."""
        if self.stored is None or self.stored.kind != "http":
            return ""
        config = HttpConfig.model_validate(self.stored.config)
        return f"{config.method} {config.url}"

    @property
    def at_server(self) -> str:
        """What a tool of an MCP server is called there; empty for others."""
        if self.stored is None or self.stored.kind != "mcp":
            return ""
        return McpConfig.model_validate(self.stored.config).tool


def described(org_id: UUID, tools: Sequence[Told]) -> list[Described]:
    """Tools as an agent has them, with where they call now."""
    stored = ToolsRepo().some(org_id, [tool.id for tool in tools]) if tools else {}
    return [_made(tool, stored.get(tool.id)) for tool in tools]


def described_now(org_id: UUID, tool_id: UUID | None) -> Described | None:
    """A tool as it is now; None for one that is gone."""
    stored = ToolsRepo().get(org_id, tool_id) if tool_id else None
    found = stored or (_BUILT_IN.get(tool_id) if tool_id else None)
    return _made(found, stored) if found else None


def _made(tool: Told, stored: ToolFacts | None) -> Described:
    arguments, rules = arguments_of(tool.input_schema)
    return Described(tool, arguments, one_line(rules), stored)
