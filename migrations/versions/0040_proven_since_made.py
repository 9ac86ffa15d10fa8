"""Say of accounts that were taken for proven that they are since they were made, not since the upgrade.

Who proved their address after joining an organisation is treated with care; these did not. They are told by the moment
that several accounts share, or that follows on that of their making.
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        UPDATE users SET email_proven_at = created_at
         WHERE email_proven_at > created_at
           AND (email_proven_at < created_at + interval '1 minute'
                OR email_proven_at IN (SELECT email_proven_at FROM users GROUP BY 1 HAVING count(*) > 1))
    """)


def downgrade() -> None:
    """Nothing: the version before takes either moment."""
