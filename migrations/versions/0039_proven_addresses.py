"""Keep since when an address is known to be its person's, and which reset links went there by mail.

Accounts that exist are taken for proven. The version before leaves new ones unproven, and calls no link mailed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("users", sa.Column("email_proven_at", moment, server_default=sa.func.now(), nullable=True))
    op.alter_column("users", "email_proven_at", server_default=None)
    op.add_column(
        "password_resets", sa.Column("mailed", sa.Boolean(), server_default="false", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("password_resets", "mailed")
    op.drop_column("users", "email_proven_at")
