"""The credential vault, model connections with their models, and MCP servers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("credentials", "model_connections", "connection_models", "mcp_servers")


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("secret", postgresql.BYTEA(), nullable=False),
        sa.Column("hint", sa.String(length=4), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column(
            "set_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("kind IN ('model', 'mcp', 'tool')", name="credentials_kind_check"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="credentials_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["set_by"], ["users.id"], name="credentials_set_by_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="credentials_pkey"),
        sa.UniqueConstraint("org_id", "id", name="credentials_org_id_id_key"),
    )
    op.create_index("credentials_org_id_created_at_id_idx", "credentials", ["org_id", "created_at", "id"])
    op.create_index(
        "credentials_org_id_name_key",
        "credentials",
        ["org_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_index("credentials_set_by_idx", "credentials", ["set_by"])

    op.create_table(
        "mcp_servers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("command", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("credential_id", sa.Uuid(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("discovered", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("discovered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "CASE transport WHEN 'stdio' THEN url IS NULL AND command IS NOT NULL ELSE url IS NOT NULL AND command IS NULL END",
            name="mcp_servers_place_check",
        ),
        sa.CheckConstraint("transport IN ('streamable_http', 'stdio')", name="mcp_servers_transport_check"),
        sa.ForeignKeyConstraint(
            ["org_id", "credential_id"],
            ["credentials.org_id", "credentials.id"],
            name="mcp_servers_org_id_credential_id_fkey",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="mcp_servers_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="mcp_servers_pkey"),
        sa.UniqueConstraint("org_id", "id", name="mcp_servers_org_id_id_key"),
    )
    op.create_index("mcp_servers_org_id_created_at_id_idx", "mcp_servers", ["org_id", "created_at", "id"])
    op.create_index("mcp_servers_org_id_credential_id_idx", "mcp_servers", ["org_id", "credential_id"])
    op.create_index(
        "mcp_servers_org_id_name_key",
        "mcp_servers",
        ["org_id", sa.literal_column("lower(name)")],
        unique=True,
    )

    op.create_table(
        "model_connections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("kind IN ('openai', 'anthropic')", name="model_connections_kind_check"),
        sa.ForeignKeyConstraint(
            ["org_id", "credential_id"],
            ["credentials.org_id", "credentials.id"],
            name="model_connections_org_id_credential_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="model_connections_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="model_connections_pkey"),
        sa.UniqueConstraint("org_id", "id", name="model_connections_org_id_id_key"),
    )
    op.create_index(
        "model_connections_org_id_created_at_id_idx", "model_connections", ["org_id", "created_at", "id"]
    )
    op.create_index(
        "model_connections_org_id_credential_id_idx", "model_connections", ["org_id", "credential_id"]
    )
    op.create_index("model_connections_org_id_slug_key", "model_connections", ["org_id", "slug"], unique=True)

    op.create_table(
        "connection_models",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("model_connection_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.Text(), server_default="chat", nullable=False),
        sa.Column("context_size", sa.Integer(), nullable=True),
        sa.Column("dimensions", sa.Integer(), nullable=True),
        sa.Column("input_price_micros", sa.BigInteger(), nullable=True),
        sa.Column("output_price_micros", sa.BigInteger(), nullable=True),
        sa.Column(
            "capabilities",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("purpose IN ('chat', 'embedding')", name="connection_models_purpose_check"),
        sa.CheckConstraint(
            "context_size > 0 AND dimensions > 0 AND input_price_micros >= 0 AND output_price_micros >= 0",
            name="connection_models_figures_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "model_connection_id"],
            ["model_connections.org_id", "model_connections.id"],
            name="connection_models_org_id_model_connection_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="connection_models_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="connection_models_pkey"),
        sa.UniqueConstraint("org_id", "id", name="connection_models_org_id_id_key"),
    )
    op.create_index(
        "connection_models_name_key",
        "connection_models",
        ["org_id", "model_connection_id", "name"],
        unique=True,
    )
    for table in TABLES:
        rls.protect(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
