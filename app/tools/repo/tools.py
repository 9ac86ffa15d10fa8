"""Tools in the database. Agents stand above; that they use a tool is read from their table by its columns."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    Select,
    Text,
    Uuid,
    case,
    cast,
    column,
    delete,
    func,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Session

from app.connections.models import Credential, McpServer
from app.connections.repo.taken import unique_names
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.tools.models import Tool
from app.web.conditions import chosen, searched
from app.web.listing import ListState

NAME_KEY = "tools_org_id_name_key"
USERS_SHOWN = 20
AGENTS = table(
    "agents",
    column("id", Uuid),
    column("org_id", Uuid),
    column("name", Text),
    column("tools_enabled", JSONB),
    column("archived", Boolean),
    column("deleted_at", TIMESTAMP),
)
_STATUS = case((Tool.archived, "archived"), (Tool.enabled, "enabled"), else_="disabled")
_USES = AGENTS.c.tools_enabled.op("?")(cast(Tool.id, Text))
_USERS = (
    select(func.count())
    .select_from(AGENTS)
    .where(AGENTS.c.org_id == Tool.org_id, AGENTS.c.deleted_at.is_(None), _USES)
    .correlate(Tool)
    .scalar_subquery()
)
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(Tool.name),
    "created": Tool.created_at.expression,
    "updated": Tool.updated_at.expression,
}
_OFFERED = McpServer.discovered.op("@>")(
    func.jsonb_build_array(func.jsonb_build_object("name", Tool.config["tool"]))
)
_COLUMNS: tuple[Any, ...] = (
    Tool.id,
    Tool.org_id,
    Tool.name,
    Tool.description,
    Tool.kind,
    Tool.input_schema,
    Tool.config,
    Tool.credential_id,
    Tool.mcp_server_id,
    Tool.approval,
    Tool.enabled,
    Tool.archived,
    _STATUS.label("status"),
    Tool.lock_version,
    Tool.created_at,
    Tool.updated_at,
    Credential.name.label("credential"),
    Credential.hint,
    McpServer.name.label("server"),
    case((Tool.kind == "mcp", func.coalesce(_OFFERED, False)), else_=True).label("offered"),
    func.coalesce(~McpServer.enabled, False).label("server_disabled"),
    _USERS.label("agents"),
)


@dataclass(frozen=True)
class ToolFacts:
    """A tool with the names of its credential and server.

    `offered` is false for a tool that its MCP server no longer names, `server_disabled` true for one of a disabled
    server; `agents` counts those that use it.
    """

    id: UUID
    org_id: UUID
    name: str
    description: str
    kind: str
    input_schema: dict[str, Any]
    config: dict[str, Any]
    credential_id: UUID | None
    mcp_server_id: UUID | None
    approval: str
    enabled: bool
    archived: bool
    status: str
    lock_version: int
    created_at: datetime
    updated_at: datetime
    credential: str | None
    hint: str | None
    server: str | None
    offered: bool
    server_disabled: bool
    agents: int


class ToolsRepo:
    """Tools of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[ToolFacts]:
        """The rows of a list page; two statements."""
        statement = _facts(org_id).where(
            *searched(state, Tool.name, Tool.description),
            *chosen(state, "kind", Tool.kind),
            *chosen(state, "approval", Tool.approval),
            *(chosen(state, "status", _STATUS) or [~Tool.archived]),
        )
        order = Order(_SORTS[state.sort_key], Tool.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _made)

    def get(self, org_id: UUID, tool_id: UUID) -> ToolFacts | None:
        """A tool as it is stored now."""
        row = self._session.execute(_facts(org_id).where(Tool.id == tool_id)).one_or_none()
        return None if row is None else _made(row)

    def some(self, org_id: UUID, ids: Collection[UUID]) -> dict[UUID, ToolFacts]:
        """Those of these tools that are stored, by id."""
        found = [_made(row) for row in self._session.execute(_facts(org_id).where(Tool.id.in_(ids)))]
        return {tool.id: tool for tool in found}

    def lock(self, org_id: UUID, tool_id: UUID) -> ToolFacts | None:
        """A tool as it is stored now; nobody changes it until the transaction ends."""
        held = select(Tool.id).where(Tool.org_id == org_id, Tool.id == tool_id)
        if self._session.scalar(held.with_for_update()) is None:
            return None
        return self.get(org_id, tool_id)

    def any(self, org_id: UUID) -> bool:
        """Whether there is a tool at all."""
        return bool(self._session.scalar(select(select(Tool.id).where(Tool.org_id == org_id).exists())))

    def users(self, org_id: UUID, tool_id: UUID) -> Sequence[tuple[UUID, str]]:
        """Id and name of the agents, not deleted, that use a tool, by name; at most USERS_SHOWN."""
        statement = (
            select(AGENTS.c.id, AGENTS.c.name)
            .where(AGENTS.c.org_id == org_id, AGENTS.c.deleted_at.is_(None))
            .where(AGENTS.c.tools_enabled.op("?")(str(tool_id)))
            .order_by(func.lower(AGENTS.c.name), AGENTS.c.id)
            .limit(USERS_SHOWN)
        )
        return [(row.id, row.name) for row in self._session.execute(statement)]

    def taken(self, org_id: UUID, names: Collection[str]) -> set[str]:
        """Those of `names`, in lower case, that tools have."""
        wanted = [name.lower() for name in names]
        statement = select(func.lower(Tool.name)).where(
            Tool.org_id == org_id, func.lower(Tool.name).in_(wanted)
        )
        return set(self._session.scalars(statement))

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a tool; its id. Raises NameTaken."""
        made = Tool(org_id=org_id, **values)
        with unique_names(self._session, NAME_KEY):
            self._session.add(made)
        return made.id

    def change(self, org_id: UUID, tool_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a locked tool. Raises NameTaken."""
        statement = (
            update(Tool)
            .where(Tool.org_id == org_id, Tool.id == tool_id)
            .values(**values, lock_version=Tool.lock_version + 1)
        )
        with unique_names(self._session, NAME_KEY):
            self._session.execute(statement)

    def remove(self, org_id: UUID, tool_id: UUID) -> None:
        """Delete a tool that no agent uses."""
        self._session.execute(delete(Tool).where(Tool.org_id == org_id, Tool.id == tool_id))


def _facts(org_id: UUID) -> Select[Any]:
    opened = (Credential.org_id == Tool.org_id) & (Credential.id == Tool.credential_id)
    served = (McpServer.org_id == Tool.org_id) & (McpServer.id == Tool.mcp_server_id)
    return (
        select(*_COLUMNS)
        .outerjoin(Credential, opened)
        .outerjoin(McpServer, served)
        .where(Tool.org_id == org_id)
    )


def _made(row: Row[Any]) -> ToolFacts:
    return ToolFacts(*row[: len(fields(ToolFacts))])
