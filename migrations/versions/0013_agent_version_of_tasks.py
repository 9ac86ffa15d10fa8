"""The published version of its agent that a task was queued with."""

import sqlalchemy as sa
from alembic import op

from migrations import rls

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("agent_version_id", sa.Uuid(), nullable=True))
    for table in ("tasks", "agent_versions"):
        rls.unforce(table)
    op.create_foreign_key(
        "tasks_org_id_agent_version_id_fkey",
        "tasks",
        "agent_versions",
        ["org_id", "agent_version_id"],
        ["org_id", "id"],
        ondelete="SET NULL (agent_version_id)",
    )
    for table in ("tasks", "agent_versions"):
        rls.force(table)
    op.create_index("tasks_org_id_agent_version_id_idx", "tasks", ["org_id", "agent_version_id"])


def downgrade() -> None:
    op.drop_column("tasks", "agent_version_id")
