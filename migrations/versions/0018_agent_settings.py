"""Settings and the persona of agents, names of versions, and the version that a persona is edited from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agents",
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("agents", sa.Column("persona_id", sa.Uuid(), nullable=True))
    op.add_column("agent_versions", sa.Column("name", sa.String(255), nullable=True))
    op.add_column("personas", sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False))
    for table in ("agents", "personas"):
        rls.unforce(table)
    op.create_foreign_key(
        "agents_org_id_persona_id_fkey",
        "agents",
        "personas",
        ["org_id", "persona_id"],
        ["org_id", "id"],
        ondelete="SET NULL (persona_id)",
    )
    for table in ("agents", "personas"):
        rls.force(table)
    op.create_index(
        "agents_org_id_persona_id_idx",
        "agents",
        ["org_id", "persona_id"],
        postgresql_where=sa.text("persona_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_column("personas", "lock_version")
    op.drop_column("agent_versions", "name")
    op.drop_column("agents", "persona_id")
    op.drop_column("agents", "settings")
