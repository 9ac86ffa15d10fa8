"""Keep questions that were asked together, hold generations back, and search some kinds of sources or another generation.

The former search function stays for processes that still run the code before.
"""

import sqlalchemy as sa
from alembic import op

from migrations import knowledge_sql, rls

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CHECK = "knowledge_base_generations_status_check"
TABLE = "knowledge_base_generations"


def _statuses(*statuses: str) -> None:
    op.drop_constraint(CHECK, TABLE, type_="check")
    op.create_check_constraint(CHECK, TABLE, f"status IN ({', '.join(map(repr, statuses))})")


def upgrade() -> None:
    _statuses("building", "held", "live", "retired", "failed")
    op.add_column("retrieval_test_runs", sa.Column("run_id", sa.Uuid(), nullable=True))
    op.create_index(
        "retrieval_test_runs_org_id_run_id_key",
        "retrieval_test_runs",
        ["org_id", "run_id", "retrieval_test_id"],
        unique=True,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    for signature, definition in knowledge_sql.SCOPED.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    for signature in knowledge_sql.SCOPED:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_index("retrieval_test_runs_org_id_run_id_key", "retrieval_test_runs")
    op.drop_column("retrieval_test_runs", "run_id")
    rls.unforce(TABLE)
    op.execute(f"UPDATE {TABLE} SET status = 'failed' WHERE status = 'held'")
    rls.force(TABLE)
    _statuses("building", "live", "retired", "failed")
