"""The schedule that began a thread."""

import sqlalchemy as sa
from alembic import op

from migrations import rls

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = ("threads", "schedules")


def upgrade() -> None:
    op.add_column("threads", sa.Column("schedule_id", sa.Uuid(), nullable=True))
    for table in TABLES:
        rls.unforce(table)
    op.create_foreign_key(
        "threads_org_id_schedule_id_fkey",
        "threads",
        "schedules",
        ["org_id", "schedule_id"],
        ["org_id", "id"],
        ondelete="SET NULL (schedule_id)",
    )
    for table in TABLES:
        rls.force(table)
    op.create_index(
        "threads_org_id_schedule_id_created_at_idx",
        "threads",
        ["org_id", "schedule_id", "created_at"],
        postgresql_where=sa.text("schedule_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_column("threads", "schedule_id")
