"""Let agents name the model that judges evaluation cases; forget the search for ended builds, which nobody asks any more."""

import sqlalchemy as sa
from alembic import op

from migrations import rls

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

JUDGED, CONNECTIONS, GENERATIONS = (
    ("agents", "evaluation_runs"),
    "model_connections",
    "knowledge_base_generations",
)
ENDED_BUILDS = "knowledge_builds_ended(integer)"


def upgrade() -> None:
    for table in (*JUDGED, CONNECTIONS):
        rls.unforce(table)
    for table in JUDGED:
        op.add_column(table, sa.Column("judge_connection_id", sa.Uuid(), nullable=True))
        op.add_column(table, sa.Column("judge_model", sa.String(255), nullable=True))
        op.create_foreign_key(
            f"{table}_org_id_judge_connection_id_fkey",
            table,
            CONNECTIONS,
            ["org_id", "judge_connection_id"],
            ["org_id", "id"],
            ondelete="SET NULL (judge_connection_id)",
        )
        op.create_index(
            f"{table}_org_id_judge_connection_id_idx",
            table,
            ["org_id", "judge_connection_id"],
            postgresql_where=sa.text("judge_connection_id IS NOT NULL"),
        )
    for table in (*JUDGED, CONNECTIONS):
        rls.force(table)
    op.execute(f"DROP FUNCTION {ENDED_BUILDS}")
    op.execute(f"DROP POLICY {GENERATIONS}_definer ON {GENERATIONS}")
    op.execute(f"REVOKE SELECT ON {GENERATIONS} FROM agentpress_definer")


def downgrade() -> None:
    rls.definer_reads(GENERATIONS)
    rls.definer_function(
        ENDED_BUILDS,
        """
        (p_limit integer) RETURNS TABLE (org_id uuid, base_id uuid) LANGUAGE sql STABLE AS $$
        SELECT g.org_id, g.knowledge_base_id FROM public.knowledge_base_generations g
          LEFT JOIN public.tasks t ON t.org_id = g.org_id AND t.id = g.task_id
         WHERE g.status = 'building' AND coalesce(t.status, 'cancelled') NOT IN ('queued', 'running', 'waiting')
         ORDER BY g.org_id, g.knowledge_base_id LIMIT p_limit $$
        """,
    )
    for table in JUDGED:
        op.drop_column(table, "judge_model")
        op.drop_column(table, "judge_connection_id")
