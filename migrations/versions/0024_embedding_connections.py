"""Let knowledge bases be embedded by a model of a connection. Without one, the model is that of this machine."""

import sqlalchemy as sa
from alembic import op

from migrations import rls

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BASES, GENERATIONS, CONNECTIONS = "knowledge_bases", "knowledge_base_generations", "model_connections"


def upgrade() -> None:
    for table in (BASES, GENERATIONS, CONNECTIONS):
        rls.unforce(table)
    for table, ondelete in ((BASES, None), (GENERATIONS, "SET NULL (connection_id)")):
        op.add_column(table, sa.Column("connection_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            f"{table}_org_id_connection_id_fkey",
            table,
            CONNECTIONS,
            ["org_id", "connection_id"],
            ["org_id", "id"],
            ondelete=ondelete,
        )
        op.create_index(
            f"{table}_org_id_connection_id_idx",
            table,
            ["org_id", "connection_id"],
            postgresql_where=sa.text("connection_id IS NOT NULL"),
        )
    for table in (BASES, GENERATIONS, CONNECTIONS):
        rls.force(table)


def downgrade() -> None:
    for table in (BASES, GENERATIONS):
        op.drop_column(table, "connection_id")
