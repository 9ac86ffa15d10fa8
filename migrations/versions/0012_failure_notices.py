"""Which failed tasks their creators were told about, and when each person was last told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SIGNATURE = "failures_to_tell(uuid, interval, interval, interval, integer)"


def upgrade() -> None:
    moment = postgresql.TIMESTAMP(timezone=True)
    op.add_column("users", sa.Column("failures_told_at", moment, nullable=True))
    op.add_column("tasks", sa.Column("told_at", moment, nullable=True))
    rls.unforce("tasks")
    op.execute(  # what failed before this revision is no news
        "UPDATE tasks SET told_at = now() WHERE status IN ('failed', 'expired') AND finished_at > now() - interval '8 days'"
    )
    rls.force("tasks")
    op.create_index(
        "tasks_to_tell_idx",
        "tasks",
        ["finished_at"],
        postgresql_where=sa.text("status IN ('failed', 'expired') AND told_at IS NULL"),
    )
    rls.definer_function(
        SIGNATURE,
        """
        (p_user uuid, p_window interval, p_wait interval, p_rest interval, p_limit integer)
        RETURNS TABLE (user_id uuid, org_id uuid) LANGUAGE sql STABLE AS $$
        SELECT DISTINCT t.created_by, t.org_id FROM public.tasks t JOIN public.users u ON u.id = t.created_by
         WHERE t.status IN ('failed', 'expired') AND t.told_at IS NULL AND t.trigger <> 'system'
           AND t.finished_at > now() - p_window AND t.finished_at <= now() - p_wait
           AND (p_user IS NULL OR t.created_by = p_user)
           AND (u.failures_told_at IS NULL OR u.failures_told_at <= now() - p_rest)
         ORDER BY 1, 2 LIMIT p_limit $$
        """,
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.drop_index("tasks_to_tell_idx", table_name="tasks")
    op.drop_column("tasks", "told_at")
    op.drop_column("users", "failures_told_at")
