"""Agents as people edit them, as they were published, and the personas they share."""

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
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.agents.snapshot import EFFORTS, Effort
from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, one_of, tenant_key

GATES = ("none", "all", "no_fewer")
"""What evaluation cases must say before an agent is published."""
RUN_STATUSES = ("running", "finished", "failed", "stopped")


def _judged() -> tuple[ForeignKeyConstraint, Index]:
    """The key to the connection of the judge, which may be deleted: the model's name then tells that there was one."""
    columns = ["org_id", "judge_connection_id"]
    return (
        ForeignKeyConstraint(
            columns,
            ["model_connections.org_id", "model_connections.id"],
            ondelete="SET NULL (judge_connection_id)",
        ),
        Index(None, *columns, postgresql_where=text("judge_connection_id IS NOT NULL")),
    )


class Agent(Identified, Tenant, Stamped, Base):
    """What an agent is told, which model answers, what it may use: the draft. Deleted rows stay restorable for 30 days.

    `settings` holds what was set of `app.agents.snapshot.Settings`, `rag_enabled` ids of knowledge bases. Without
    `judge_model` the agent's own model judges its evaluation cases.
    """

    __tablename__ = "agents"
    __table_args__ = (
        tenant_key(),
        CheckConstraint("primary_model_temperature BETWEEN 0 AND 2", name="primary_model_temperature"),
        one_of("reasoning_effort", EFFORTS),
        one_of("evaluation_gate", GATES),
        Index(None, "org_id", "updated_at", "id"),
        Index(None, "org_id", "created_at", "id"),
        ForeignKeyConstraint(
            ["org_id", "persona_id"],
            ["personas.org_id", "personas.id"],
            ondelete="SET NULL (persona_id)",
        ),
        Index(None, "org_id", "persona_id", postgresql_where=text("persona_id IS NOT NULL")),
        *_judged(),
    )

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    prompt: Mapped[str | None]
    primary_model_provider: Mapped[str | None] = mapped_column(String(255))
    primary_model: Mapped[str | None] = mapped_column(String(255))
    primary_model_temperature: Mapped[float | None] = mapped_column(REAL)
    reasoning_effort: Mapped[Effort | None] = mapped_column(Text)
    tools_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    rag_enabled: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    persona_id: Mapped[uuid.UUID | None]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    enabled: Mapped[bool] = mapped_column(server_default="true")
    archived: Mapped[bool] = mapped_column(server_default="false")
    evaluation_gate: Mapped[str] = mapped_column(server_default="none")
    judge_connection_id: Mapped[uuid.UUID | None]
    judge_model: Mapped[str | None] = mapped_column(String(255))
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


class EvaluationCase(Identified, Tenant, Stamped, Base):
    """What an agent is told, and what a good answer must be.

    `turns` holds what was said, each with `role` and `text`, the last by a person; `checks` what
    `app.agents.services.checks` reads. `source_*` name the message it was saved from, which may be gone.
    """

    __tablename__ = "evaluation_cases"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        Index(None, "org_id", "agent_id"),
    )

    agent_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(String(255))
    turns: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    variables: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    source_thread_id: Mapped[uuid.UUID | None]
    source_message_id: Mapped[uuid.UUID | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    lock_version: Mapped[int] = mapped_column(server_default="1")
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )


class EvaluationRun(Identified, Tenant, Created, Base):
    """The cases asked of one snapshot of an agent: of a version, or of the draft as it was then."""

    __tablename__ = "evaluation_runs"
    __table_args__ = (
        tenant_key(),
        one_of("status", RUN_STATUSES),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        Index(None, "org_id", "agent_id", "created_at"),
        *_judged(),
    )

    agent_id: Mapped[uuid.UUID]
    version_number: Mapped[int | None]
    snapshot: Mapped[dict[str, Any]]
    content_hash: Mapped[bytes]
    judge_connection_id: Mapped[uuid.UUID | None]
    judge_model: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(server_default="running")
    error: Mapped[str | None]
    total: Mapped[int] = mapped_column(server_default="0")
    passed: Mapped[int] = mapped_column(server_default="0")
    task_id: Mapped[uuid.UUID | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )


class EvaluationResult(Identified, Tenant, Created, Base):
    """How a case was answered in a run. `case_version` is the `lock_version` it had; `answer` is its beginning."""

    __tablename__ = "evaluation_results"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "run_id"], ["evaluation_runs.org_id", "evaluation_runs.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["org_id", "case_id"],
            ["evaluation_cases.org_id", "evaluation_cases.id"],
            ondelete="SET NULL (case_id)",
        ),
        UniqueConstraint("org_id", "run_id", "case_id"),
        Index(None, "org_id", "case_id"),
    )

    run_id: Mapped[uuid.UUID]
    case_id: Mapped[uuid.UUID | None]
    case_version: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    passed: Mapped[bool]
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    answer: Mapped[str]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    latency_ms: Mapped[int]


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
