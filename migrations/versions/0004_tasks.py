"""Tasks with their attempts and events, schedules, and procrastinate's tables that deliver them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls, tasks_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("tasks", "task_attempts", "task_events", "schedules")


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("cron", sa.Text(), nullable=True),
        sa.Column("every_seconds", sa.Integer(), nullable=True),
        sa.Column("run_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("catch_up", sa.Text(), server_default="one", nullable=False),
        sa.Column("overlap", sa.Text(), server_default="skip", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column(
            "starts_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paused_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_run_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("num_nonnulls(cron, every_seconds, run_at) = 1", name="schedules_timing_check"),
        sa.CheckConstraint("every_seconds >= 60", name="schedules_every_seconds_check"),
        sa.CheckConstraint("catch_up IN ('all', 'one', 'skip')", name="schedules_catch_up_check"),
        sa.CheckConstraint("overlap IN ('allow', 'skip', 'queue')", name="schedules_overlap_check"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="schedules_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="schedules_org_id_agent_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="schedules_created_by_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="schedules_pkey"),
        sa.UniqueConstraint("org_id", "id", name="schedules_org_id_id_key"),
    )
    op.create_index("schedules_org_id_created_at_id_idx", "schedules", ["org_id", "created_at", "id"])
    op.create_index("schedules_org_id_agent_id_idx", "schedules", ["org_id", "agent_id"])
    op.create_index(
        "schedules_next_run_at_idx", "schedules", ["next_run_at"], postgresql_where=sa.text("enabled")
    )
    _create_tasks()
    for table in TABLES:
        rls.protect(table)
    _deliver()


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), server_default="default", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trigger", sa.Text(), server_default="person", nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("result", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancel_requested_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.Column("slot_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.Column(
            "available_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'expired', 'skipped')",
            name="tasks_status_check",
        ),
        sa.CheckConstraint(
            "trigger IN ('person', 'schedule', 'program', 'system')", name="tasks_trigger_check"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="tasks_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["org_id", "schedule_id"],
            ["schedules.org_id", "schedules.id"],
            name="tasks_org_id_schedule_id_fkey",
            ondelete="SET NULL (schedule_id)",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="tasks_org_id_agent_id_fkey",
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="tasks_org_id_thread_id_fkey",
            ondelete="SET NULL (thread_id)",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="tasks_created_by_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="tasks_pkey"),
        sa.UniqueConstraint("org_id", "id", name="tasks_org_id_id_key"),
        sa.UniqueConstraint("org_id", "schedule_id", "slot_at", name="tasks_org_id_schedule_id_slot_at_key"),
    )
    op.create_index("tasks_org_id_created_at_id_idx", "tasks", ["org_id", "created_at", "id"])
    op.create_index("tasks_org_id_agent_id_idx", "tasks", ["org_id", "agent_id"])
    op.create_index("tasks_org_id_thread_id_idx", "tasks", ["org_id", "thread_id"])
    op.create_index(
        "tasks_live_idx",
        "tasks",
        ["org_id", "status"],
        postgresql_where=sa.text("status IN ('queued', 'running', 'waiting')"),
    )
    op.create_table(
        "task_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column(
            "started_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('succeeded', 'failed', 'lost', 'late', 'cancelled', 'refused', 'returned')",
            name="task_attempts_outcome_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="task_attempts_org_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "task_id"],
            ["tasks.org_id", "tasks.id"],
            name="task_attempts_org_id_task_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="task_attempts_pkey"),
        sa.UniqueConstraint("org_id", "id", name="task_attempts_org_id_id_key"),
        sa.UniqueConstraint("org_id", "task_id", "attempt", name="task_attempts_org_id_task_id_attempt_key"),
    )
    op.create_table(
        "task_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="task_events_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["org_id", "task_id"],
            ["tasks.org_id", "tasks.id"],
            name="task_events_org_id_task_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="task_events_pkey"),
        sa.UniqueConstraint("org_id", "id", name="task_events_org_id_id_key"),
        sa.UniqueConstraint("org_id", "task_id", "seq", name="task_events_org_id_task_id_seq_key"),
    )


def _deliver() -> None:
    tasks_sql.create_delivery()
    rls.policy("tasks", "definer", "TO agentpress_definer USING (true) WITH CHECK (true)")
    rls.policy("task_attempts", "definer", "TO agentpress_definer USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, UPDATE ON tasks TO agentpress_definer")
    op.execute("GRANT SELECT, INSERT, UPDATE ON task_attempts TO agentpress_definer")
    op.execute("GRANT SELECT ON workers, users TO agentpress_definer")
    rls.definer_reads("schedules")
    for signature, definition in tasks_sql.FUNCTIONS.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    tasks_sql.drop_delivery()
    op.drop_table("task_events")
    op.drop_table("task_attempts")
    op.drop_table("tasks")
    op.drop_table("schedules")
