"""Agents as people edit them, as they were published, and the personas they share."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, tenant_key


class Agent(Identified, Tenant, Stamped, Base):
    """What an agent is told, which model answers, what it may use: the draft. Deleted rows stay restorable for 30 days.

    `settings` holds what was set of `app.agents.snapshot.Settings`, `rag_enabled` ids of knowledge bases.
    """

    __tablename__ = "agents"
    __table_args__ = (
        tenant_key(),
        CheckConstraint("primary_model_temperature BETWEEN 0 AND 2", name="primary_model_temperature"),
        Index(None, "org_id", "updated_at", "id"),
        Index(None, "org_id", "created_at", "id"),
        ForeignKeyConstraint(
            ["org_id", "persona_id"],
            ["personas.org_id", "personas.id"],
            ondelete="SET NULL (persona_id)",
        ),
        Index(None, "org_id", "persona_id", postgresql_where=text("persona_id IS NOT NULL")),
    )

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    prompt: Mapped[str | None]
    primary_model_provider: Mapped[str | None] = mapped_column(String(255))
    primary_model: Mapped[str | None] = mapped_column(String(255))
    primary_model_temperature: Mapped[float | None] = mapped_column(REAL)
    tools_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    rag_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    persona_id: Mapped[uuid.UUID | None]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    enabled: Mapped[bool] = mapped_column(server_default="true")
    archived: Mapped[bool] = mapped_column(server_default="false")
    lock_version: Mapped[int] = mapped_column(server_default="1")
    deleted_at: Mapped[datetime | None]


class AgentVersion(Identified, Tenant, Created, Base):
    """A published agent, as it answered; a trigger refuses every change."""

    __tablename__ = "agent_versions"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        UniqueConstraint("agent_id", "number"),
    )

    agent_id: Mapped[uuid.UUID]
    number: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(255))
    snapshot: Mapped[dict[str, Any]]
    content_hash: Mapped[bytes]
    note: Mapped[str | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )


class Persona(Identified, Tenant, Stamped, Base):
    """A manner of speaking that agents share."""

    __tablename__ = "personas"
    __table_args__ = (tenant_key(),)

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    prompt: Mapped[str]
    archived: Mapped[bool] = mapped_column(server_default="false")
    lock_version: Mapped[int] = mapped_column(server_default="1")


Index("personas_org_id_name_key", Persona.org_id, func.lower(Persona.name), unique=True)
Index(
    "agents_org_id_name_key",
    Agent.org_id,
    func.lower(Agent.name),
    unique=True,
    postgresql_where=Agent.deleted_at.is_(None),
)
