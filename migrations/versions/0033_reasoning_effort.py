"""Let agents say how much their model reasons before it answers."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("reasoning_effort", sa.Text(), nullable=True))
    op.create_check_constraint(
        "agents_reasoning_effort_check", "agents", "reasoning_effort IN ('off', 'low', 'medium', 'high')"
    )


def downgrade() -> None:
    op.drop_column("agents", "reasoning_effort")
