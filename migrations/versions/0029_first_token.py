"""When the first word of an answer came."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("first_token_ms", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "first_token_ms")
