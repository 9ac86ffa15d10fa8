"""Agents as people edit them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, func, text
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Identified, Stamped, Tenant, tenant_key


class Agent(Identified, Tenant, Stamped, Base):
    """What an agent is told, which model answers, what it may use. Deleted rows stay restorable for 30 days."""

    __tablename__ = "agents"
    __table_args__ = (
        tenant_key(),
        CheckConstraint("primary_model_temperature BETWEEN 0 AND 2", name="primary_model_temperature"),
        Index(None, "org_id", "updated_at", "id"),
        Index(None, "org_id", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    prompt: Mapped[str | None]
    primary_model_provider: Mapped[str | None] = mapped_column(String(255))
    primary_model: Mapped[str | None] = mapped_column(String(255))
    primary_model_temperature: Mapped[float | None] = mapped_column(REAL)
    tools_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    rag_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    enabled: Mapped[bool] = mapped_column(server_default="true")
    archived: Mapped[bool] = mapped_column(server_default="false")
    lock_version: Mapped[int] = mapped_column(server_default="1")
    deleted_at: Mapped[datetime | None]


Index(
    "agents_org_id_name_key",
    Agent.org_id,
    func.lower(Agent.name),
    unique=True,
    postgresql_where=Agent.deleted_at.is_(None),
)
