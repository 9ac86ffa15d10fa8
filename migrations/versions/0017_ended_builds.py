"""Find generations of knowledge bases that nobody builds any more."""

from alembic import op

from migrations import rls

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ENDED_BUILDS = "knowledge_builds_ended(integer)"


def upgrade() -> None:
    rls.definer_reads("knowledge_base_generations")
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


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {ENDED_BUILDS}")
    op.execute("DROP POLICY knowledge_base_generations_definer ON knowledge_base_generations")
    op.execute("REVOKE SELECT ON knowledge_base_generations FROM agentpress_definer")
