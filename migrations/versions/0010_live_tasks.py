"""How many tasks of an organisation wait or run, for the statement of the gate, which knows no organisation yet."""

from alembic import op

from migrations import rls

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SIGNATURE = "live_tasks(uuid, integer)"


def upgrade() -> None:
    rls.definer_function(
        SIGNATURE,
        """
        (p_org uuid, p_most integer) RETURNS integer LANGUAGE sql STABLE AS $$
        SELECT count(*)::integer FROM (
               SELECT FROM public.tasks t
                WHERE t.org_id = p_org AND t.status IN ('queued', 'running') LIMIT p_most) live $$
        """,
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
