"""Saved views of lists, and a count of their changes on the organisation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orgs", sa.Column("views_generation", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="saved_views_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="saved_views_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="saved_views_pkey"),
        sa.UniqueConstraint("org_id", "id", name="saved_views_org_id_id_key"),
    )
    op.create_index("saved_views_org_id_list_idx", "saved_views", ["org_id", "list"])
    op.create_index("saved_views_user_id_idx", "saved_views", ["user_id"])
    op.create_index(
        "saved_views_org_id_user_id_list_default_key",
        "saved_views",
        ["org_id", "user_id", "list"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    rls.protect("saved_views")


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_column("orgs", "views_generation")
