"""Keep calls of tools that wait for a person, and answers that wait for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLE = "tool_approvals"
DUE = "tool_approvals_due(integer)"
CHECK = "messages_messages_status_check_check"


def _message_statuses(*statuses: str) -> None:
    listed = ", ".join(f"'{status}'" for status in statuses)
    op.execute(
        f"ALTER TABLE messages DROP CONSTRAINT {CHECK}, ADD CONSTRAINT {CHECK} CHECK (status IN ({listed}))"
    )


def _in_org(column: str, table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{table}.org_id", f"{table}.id"],
        name=f"{TABLE}_org_id_{column}_fkey",
        ondelete=ondelete,
    )


def upgrade() -> None:
    _message_statuses("complete", "pending", "waiting", "stopped", "failed")
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("call_id", sa.String(255), nullable=False),
        sa.Column("tool", sa.String(255), nullable=False),
        sa.Column("tool_id", sa.Uuid(), nullable=True),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=f"{TABLE}_pkey"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=f"{TABLE}_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=f"{TABLE}_decided_by_fkey", ondelete="SET NULL"
        ),
        _in_org("task_id", "tasks", "SET NULL (task_id)"),
        _in_org("message_id", "messages", "CASCADE"),
        _in_org("thread_id", "threads", "CASCADE"),
        _in_org("agent_id", "agents", "SET NULL (agent_id)"),
        sa.UniqueConstraint("org_id", "id", name=f"{TABLE}_org_id_id_key"),
        sa.UniqueConstraint("org_id", "task_id", "call_id", name=f"{TABLE}_org_id_task_id_call_id_key"),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')",
            name="status",
        ),
    )
    for column in ("message_id", "thread_id", "agent_id"):
        op.create_index(f"{TABLE}_org_id_{column}_idx", TABLE, ["org_id", column])
    op.create_index(f"{TABLE}_decided_by_idx", TABLE, ["decided_by"])
    op.create_index(f"{TABLE}_org_id_created_at_id_idx", TABLE, ["org_id", "created_at", "id"])
    pending = sa.text("status = 'pending'")
    op.create_index(f"{TABLE}_pending_idx", TABLE, ["org_id", "created_at", "id"], postgresql_where=pending)
    op.create_index(f"{TABLE}_due_idx", TABLE, ["expires_at"], postgresql_where=pending)
    rls.protect(TABLE)
    rls.definer_reads(TABLE)
    rls.definer_function(
        DUE,
        f"""
        (p_limit integer) RETURNS TABLE (org_id uuid, id uuid) LANGUAGE sql STABLE AS $$
        SELECT a.org_id, a.id FROM public.{TABLE} a
          JOIN public.threads t ON t.org_id = a.org_id AND t.id = a.thread_id
         WHERE a.status = 'pending' AND (a.expires_at <= now() OR t.deleted_at IS NOT NULL)
         ORDER BY a.expires_at LIMIT p_limit $$
        """,
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {DUE}")
    op.drop_table(TABLE)
    rls.unforce("messages")
    op.execute("ALTER TABLE messages DISABLE TRIGGER USER")  # what they count does not change
    op.execute("UPDATE messages SET status = 'stopped' WHERE status = 'waiting'")
    op.execute("ALTER TABLE messages ENABLE TRIGGER USER")
    rls.force("messages")
    _message_statuses("complete", "pending", "stopped", "failed")
