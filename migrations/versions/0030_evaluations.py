"""Keep evaluation cases, their runs and results, and what agents demand of them before they are published."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

CASES, RUNS, RESULTS = "evaluation_cases", "evaluation_runs", "evaluation_results"
JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = postgresql.TIMESTAMP(timezone=True)


def _moment(name: str) -> sa.Column:
    return sa.Column(name, MOMENT, server_default=sa.text("now()"), nullable=False)


def _table(name: str, *parts: sa.Column | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        *parts,
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name=f"{name}_pkey"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=f"{name}_org_id_fkey", ondelete="CASCADE"),
        sa.UniqueConstraint("org_id", "id", name=f"{name}_org_id_id_key"),
    )


def _in_org(table: str, column: str, target: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=f"{table}_org_id_{column}_fkey",
        ondelete=ondelete,
    )


def _by(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["created_by"], ["users.id"], name=f"{table}_created_by_fkey", ondelete="SET NULL"
    )


def upgrade() -> None:
    op.add_column("agents", sa.Column("evaluation_gate", sa.Text(), server_default="none", nullable=False))
    op.create_check_constraint("evaluation_gate", "agents", "evaluation_gate IN ('none', 'all', 'no_fewer')")
    _cases()
    _runs()
    for table in (CASES, RUNS):
        op.create_index(f"{table}_created_by_idx", table, ["created_by"])
    for table in (CASES, RUNS, RESULTS):
        rls.protect(table)


def _cases() -> None:
    _table(
        CASES,
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("turns", JSON, nullable=False),
        sa.Column("variables", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("checks", JSON, nullable=False),
        sa.Column("source_thread_id", sa.Uuid(), nullable=True),
        sa.Column("source_message_id", sa.Uuid(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        _moment("updated_at"),
        _in_org(CASES, "agent_id", "agents"),
        _by(CASES),
    )
    op.create_index(f"{CASES}_org_id_agent_id_idx", CASES, ["org_id", "agent_id"])


def _runs() -> None:
    _table(
        RUNS,
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=True),
        sa.Column("snapshot", JSON, nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("passed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        _in_org(RUNS, "agent_id", "agents"),
        _by(RUNS),
        sa.CheckConstraint("status IN ('running', 'finished', 'failed', 'stopped')", name="status"),
    )
    op.create_index(f"{RUNS}_org_id_agent_id_created_at_idx", RUNS, ["org_id", "agent_id", "created_at"])
    _table(
        RESULTS,
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("checks", JSON, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        _in_org(RESULTS, "run_id", RUNS),
        _in_org(RESULTS, "case_id", CASES, "SET NULL (case_id)"),
        sa.UniqueConstraint("org_id", "run_id", "case_id", name=f"{RESULTS}_org_id_run_id_case_id_key"),
    )
    op.create_index(f"{RESULTS}_org_id_case_id_idx", RESULTS, ["org_id", "case_id"])


def downgrade() -> None:
    for table in (RESULTS, RUNS, CASES):
        op.drop_table(table)
    op.drop_column("agents", "evaluation_gate")
