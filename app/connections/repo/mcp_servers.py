"""MCP servers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, delete, func, select, update
from sqlalchemy.orm import Session

from app.connections.models import Credential, McpServer
from app.connections.repo.taken import unique_names
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.web.conditions import chosen, searched
from app.web.listing import ListState

NAME_KEY = "mcp_servers_org_id_name_key"
_STATUS = case((McpServer.enabled, "enabled"), else_="disabled")
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(McpServer.name),
    "created": McpServer.created_at.expression,
    "updated": McpServer.updated_at.expression,
}
_COLUMNS: tuple[Any, ...] = (
    McpServer.id,
    McpServer.org_id,
    McpServer.name,
    McpServer.transport,
    McpServer.url,
    McpServer.command,
    McpServer.enabled,
    _STATUS.label("status"),
    McpServer.credential_id,
    McpServer.error,
    McpServer.discovered_at,
    McpServer.task_id,
    McpServer.lock_version,
    McpServer.created_at,
    McpServer.updated_at,
    Credential.name.label("credential"),
    Credential.hint,
    func.coalesce(func.jsonb_array_length(McpServer.discovered), 0).label("tool_count"),
)


@dataclass(frozen=True)
class ServerFacts:
    """A server with its credential's name and hint, and how many tools it named."""

    id: UUID
    org_id: UUID
    name: str
    transport: str
    url: str | None
    command: list[str] | None
    enabled: bool
    status: str
    credential_id: UUID | None
    error: str | None
    discovered_at: datetime | None
    task_id: UUID | None
    lock_version: int
    created_at: datetime
    updated_at: datetime
    credential: str | None
    hint: str | None
    tool_count: int


class McpServersRepo:
    """MCP servers of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[ServerFacts]:
        """The rows of a list page; two statements."""
        statement = _facts(org_id).where(
            *searched(state, McpServer.name, McpServer.url),
            *chosen(state, "transport", McpServer.transport),
            *chosen(state, "status", _STATUS),
        )
        order = Order(_SORTS[state.sort_key], McpServer.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _made)

    def get(self, org_id: UUID, server_id: UUID) -> ServerFacts | None:
        """A server as it is stored now."""
        row = self._session.execute(_facts(org_id).where(McpServer.id == server_id)).one_or_none()
        return None if row is None else _made(row)

    def lock(self, org_id: UUID, server_id: UUID) -> ServerFacts | None:
        """A server as it is stored now; nobody changes it until the transaction ends."""
        held = select(McpServer.id).where(McpServer.org_id == org_id, McpServer.id == server_id)
        if self._session.scalar(held.with_for_update()) is None:
            return None
        return self.get(org_id, server_id)

    def tools(self, org_id: UUID, server_id: UUID) -> list[dict[str, Any]]:
        """The tools that the server named, each with name, description and input_schema."""
        statement = select(McpServer.discovered)
        found = self._session.scalar(statement.where(McpServer.org_id == org_id, McpServer.id == server_id))
        return found or []

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a server; its id. Raises NameTaken."""
        made = McpServer(org_id=org_id, **values)
        with unique_names(self._session, NAME_KEY):
            self._session.add(made)
        return made.id

    def change(self, org_id: UUID, server_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values that people edit of a locked server. Raises NameTaken."""
        with unique_names(self._session, NAME_KEY):
            self.note(org_id, server_id, {**values, "lock_version": McpServer.lock_version + 1})

    def note(self, org_id: UUID, server_id: UUID, values: Mapping[str, Any]) -> None:
        """Set what a worker finds out; forms that are open stay valid."""
        self._session.execute(
            update(McpServer).where(McpServer.org_id == org_id, McpServer.id == server_id).values(**values)
        )

    def remove(self, org_id: UUID, server_id: UUID) -> None:
        """Delete a server with the list of its tools."""
        self._session.execute(delete(McpServer).where(McpServer.org_id == org_id, McpServer.id == server_id))


def _facts(org_id: UUID) -> Select[Any]:
    opened = and_(Credential.org_id == McpServer.org_id, Credential.id == McpServer.credential_id)
    return select(*_COLUMNS).outerjoin(Credential, opened).where(McpServer.org_id == org_id)


def _made(row: Row[Any]) -> ServerFacts:
    return ServerFacts(*row[: len(fields(ServerFacts))])
