"""Keep the tools that agents call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLE = "tools"


def _jsonb(name: str, **values: object) -> sa.Column:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False, **values)


def _moment(name: str) -> sa.Column:
    return sa.Column(
        name, postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        _jsonb("input_schema"),
        _jsonb("config", server_default=sa.text("'{}'")),
        sa.Column("credential_id", sa.Uuid(), nullable=True),
        sa.Column("mcp_server_id", sa.Uuid(), nullable=True),
        sa.Column("approval", sa.Text(), server_default="ask", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name=f"{TABLE}_pkey"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=f"{TABLE}_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["org_id", "credential_id"],
            ["credentials.org_id", "credentials.id"],
            name=f"{TABLE}_org_id_credential_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "mcp_server_id"],
            ["mcp_servers.org_id", "mcp_servers.id"],
            name=f"{TABLE}_org_id_mcp_server_id_fkey",
            ondelete="SET NULL (mcp_server_id)",
        ),
        sa.UniqueConstraint("org_id", "id", name=f"{TABLE}_org_id_id_key"),
        sa.CheckConstraint("kind IN ('builtin', 'http', 'mcp')", name="kind"),
        sa.CheckConstraint("approval IN ('allow', 'ask', 'agent')", name="approval"),
        sa.CheckConstraint("name ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'", name="name"),
    )
    op.create_index(f"{TABLE}_org_id_credential_id_idx", TABLE, ["org_id", "credential_id"])
    op.create_index(f"{TABLE}_org_id_mcp_server_id_idx", TABLE, ["org_id", "mcp_server_id"])
    op.create_index(f"{TABLE}_org_id_created_at_id_idx", TABLE, ["org_id", "created_at", "id"])
    op.create_index(
        f"{TABLE}_org_id_name_key", TABLE, ["org_id", sa.literal_column("lower(name)")], unique=True
    )
    rls.protect(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
