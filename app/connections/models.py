"""The credential vault, model connections with their models, and MCP servers."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.db.base import Base
from app.db.columns import Identified, Stamped, Tenant, one_of, tenant_key
from app.db.sealed import Sealed

USES = ("model", "mcp", "tool")
"""What a credential opens: a model connection, an MCP server, an HTTP tool."""
PROVIDERS = ("openai", "anthropic")
"""The protocols that model connections speak."""
PURPOSES = ("chat", "embedding", "rerank")
WIDTHS = (384, 768, 1024, 1536, 3072)
"""Numbers per vector that knowledge bases can search: there is an index for each."""
TRANSPORTS = ("streamable_http", "stdio")


class Credential(Identified, Tenant, Stamped, Base):
    """A secret that is written and never shown again; `hint` is its last four characters, `set_at` when it came."""

    __tablename__ = "credentials"
    __table_args__ = (tenant_key(), one_of("kind", USES), Index(None, "org_id", "created_at", "id"))

    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str]
    secret: Mapped[str] = mapped_column(Sealed, deferred=True, deferred_raiseload=True)
    hint: Mapped[str] = mapped_column(String(4))
    set_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lock_version: Mapped[int] = mapped_column(server_default="1")


Index("credentials_org_id_name_key", Credential.org_id, func.lower(Credential.name), unique=True)
Index("credentials_set_by_idx", Credential.set_by)


class _Opened:
    """What uses a credential, which cannot be deleted as long as it does."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            tenant_key(),
            ForeignKeyConstraint(["org_id", "credential_id"], ["credentials.org_id", "credentials.id"]),
            Index(None, "org_id", "credential_id"),
            Index(None, "org_id", "created_at", "id"),
            *cls.more_args(),
        )

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """Further keys of the table."""
        return ()

    credential_id: Mapped[uuid.UUID | None] = mapped_column(sort_order=20)
    enabled: Mapped[bool] = mapped_column(server_default="true", sort_order=21)
    lock_version: Mapped[int] = mapped_column(server_default="1", sort_order=80)


class ModelConnection(_Opened, Identified, Tenant, Stamped, Base):
    """An account at a model provider, or a server of one's own; agents name it by its slug."""

    __tablename__ = "model_connections"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """The protocols it may speak."""
        return (one_of("kind", PROVIDERS),)

    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str]
    base_url: Mapped[str]


Index("model_connections_org_id_slug_key", ModelConnection.org_id, ModelConnection.slug, unique=True)


class ConnectionModel(Identified, Tenant, Stamped, Base):
    """What is known of one model of a connection.

    `context_size` counts tokens, `dimensions` the numbers of a vector; prices are millionths of the currency for a
    million tokens.
    """

    __tablename__ = "connection_models"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "model_connection_id"],
            ["model_connections.org_id", "model_connections.id"],
            ondelete="CASCADE",
        ),
        one_of("purpose", PURPOSES),
        CheckConstraint(
            "context_size > 0 AND dimensions > 0 AND input_price_micros >= 0 AND output_price_micros >= 0",
            name="figures",
        ),
        Index("connection_models_name_key", "org_id", "model_connection_id", "name", unique=True),
    )

    model_connection_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(String(255))
    purpose: Mapped[str] = mapped_column(server_default="chat")
    context_size: Mapped[int | None]
    dimensions: Mapped[int | None]
    input_price_micros: Mapped[int | None] = mapped_column(BigInteger)
    output_price_micros: Mapped[int | None] = mapped_column(BigInteger)
    capabilities: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    lock_version: Mapped[int] = mapped_column(server_default="1")


class McpServer(_Opened, Identified, Tenant, Stamped, Base):
    """A server that offers tools by the Model Context Protocol: at an address, or as a program on this machine.

    `command` is that program with its arguments. `discovered` holds the tools that it named at `discovered_at`, each
    with name, description and input schema; `error` says why it named none the last time.
    """

    __tablename__ = "mcp_servers"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """The transports, each with what it needs."""
        return (
            one_of("transport", TRANSPORTS),
            CheckConstraint(
                "CASE transport WHEN 'stdio' THEN url IS NULL AND command IS NOT NULL"
                " ELSE url IS NOT NULL AND command IS NULL END",
                name="place",
            ),
        )

    name: Mapped[str] = mapped_column(String(120))
    transport: Mapped[str]
    url: Mapped[str | None]
    command: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    discovered: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True), sort_order=30)
    discovered_at: Mapped[datetime | None] = mapped_column(sort_order=31)
    error: Mapped[str | None] = mapped_column(sort_order=32)
    task_id: Mapped[uuid.UUID | None] = mapped_column(sort_order=33)


Index("mcp_servers_org_id_name_key", McpServer.org_id, func.lower(McpServer.name), unique=True)
