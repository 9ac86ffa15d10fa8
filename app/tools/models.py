"""Tools that agents call."""

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Identified, Stamped, Tenant, one_of, tenant_key

KINDS = ("builtin", "http", "mcp")
APPROVALS = ("allow", "ask", "agent")


class Tool(Identified, Tenant, Stamped, Base):
    """What agents can call: `config` is an `HttpConfig` or an `McpConfig`, as the kind says.

    A tool whose MCP server was deleted stays, without a server.
    """

    __tablename__ = "tools"
    __table_args__ = (
        tenant_key(),
        one_of("kind", KINDS),
        one_of("approval", APPROVALS),
        CheckConstraint("name ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'", name="name"),
        ForeignKeyConstraint(["org_id", "credential_id"], ["credentials.org_id", "credentials.id"]),
        ForeignKeyConstraint(
            ["org_id", "mcp_server_id"],
            ["mcp_servers.org_id", "mcp_servers.id"],
            ondelete="SET NULL (mcp_server_id)",
        ),
        Index(None, "org_id", "credential_id"),
        Index(None, "org_id", "mcp_server_id"),
        Index(None, "org_id", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str]
    input_schema: Mapped[dict[str, Any]]
    config: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    credential_id: Mapped[uuid.UUID | None]
    mcp_server_id: Mapped[uuid.UUID | None]
    approval: Mapped[str] = mapped_column(server_default="ask")
    enabled: Mapped[bool] = mapped_column(server_default="true")
    archived: Mapped[bool] = mapped_column(server_default="false")
    lock_version: Mapped[int] = mapped_column(server_default="1")


Index("tools_org_id_name_key", Tool.org_id, func.lower(Tool.name), unique=True)
