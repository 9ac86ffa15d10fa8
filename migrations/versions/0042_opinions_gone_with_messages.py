"""Take what people thought of a message off the counters of its thread when the message is deleted.

The foreign key deletes the opinions. Since PostgreSQL 18 a trigger acts as the role that caused it, which for a foreign key
is the owner of the table, and no policy lets the owner see the thread that counts them.
"""

from alembic import op

from migrations import rls, threads_sql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

AS_APPLICATION, AS_DEFINER = "count_removed_feedback", "count_gone_feedback"


def _trigger(function: str) -> str:
    return f"""
        CREATE OR REPLACE TRIGGER feedback_discounted AFTER DELETE ON feedback REFERENCING OLD TABLE AS removed
            FOR EACH STATEMENT EXECUTE FUNCTION {function}()
    """


def upgrade() -> None:
    op.execute("GRANT UPDATE (up_count, down_count) ON threads TO agentpress_definer")
    rls.policy("threads", "counts", "FOR UPDATE TO agentpress_definer USING (true)")
    op.execute(threads_sql.count_gone_feedback(AS_DEFINER))
    op.execute(_trigger(AS_DEFINER))
    rls.hand_over(f"{AS_DEFINER}()")
    op.execute(f"DROP FUNCTION {AS_APPLICATION}()")


def downgrade() -> None:
    op.execute(threads_sql.count_gone_feedback(AS_APPLICATION))
    op.execute(_trigger(AS_APPLICATION))
    op.execute(f"DROP FUNCTION {AS_DEFINER}()")
    op.execute("DROP POLICY threads_counts ON threads")
    op.execute("REVOKE UPDATE (up_count, down_count) ON threads FROM agentpress_definer")
