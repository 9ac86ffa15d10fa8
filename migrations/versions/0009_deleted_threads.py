"""Find threads that were deleted long ago, and list archived ones by an index."""

from alembic import op

from migrations import rls

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DELETED_BEFORE = "threads_deleted_before(timestamptz, integer)"


def upgrade() -> None:
    op.create_index(
        "threads_org_id_archived_idx",
        "threads",
        ["org_id", "last_message_at", "id"],
        postgresql_where="archived AND deleted_at IS NULL",
    )
    rls.definer_function(
        DELETED_BEFORE,
        """
        (p_moment timestamptz, p_limit integer) RETURNS TABLE (org_id uuid, id uuid) LANGUAGE sql STABLE AS $$
        SELECT t.org_id, t.id FROM public.threads t WHERE t.deleted_at < p_moment ORDER BY t.org_id, t.id LIMIT p_limit $$
        """,
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {DELETED_BEFORE}")
    op.drop_index("threads_org_id_archived_idx", "threads")
