"""Keep with each answer of a draft what the draft was."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("draft", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("messages", sa.Column("drafted_at", postgresql.TIMESTAMP(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "drafted_at")
    op.drop_column("messages", "draft")
