"""Threads with their messages, their feedback and notes, stored files, published agents and personas.

Counters and the side tables of the searches are kept by statement-level triggers: whoever writes messages, however
many at once, pays one more statement and cannot forget it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls, threads_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "blobs",
    "blob_parts",
    "personas",
    "agent_versions",
    "threads",
    "thread_names",
    "messages",
    "message_search",
    "message_attachments",
    "feedback",
    "thread_notes",
)


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="blobs_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="blobs_pkey"),
        sa.UniqueConstraint("org_id", "id", name="blobs_org_id_id_key"),
        sa.UniqueConstraint("org_id", "sha256", name="blobs_org_id_sha256_key"),
    )
    op.create_table(
        "personas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("archived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="personas_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="personas_pkey"),
        sa.UniqueConstraint("org_id", "id", name="personas_org_id_id_key"),
    )
    op.create_index(
        "personas_org_id_name_key", "personas", ["org_id", sa.literal_column("lower(name)")], unique=True
    )

    op.create_table(
        "agent_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="agent_versions_created_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="agent_versions_org_id_agent_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="agent_versions_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="agent_versions_pkey"),
        sa.UniqueConstraint("agent_id", "number", name="agent_versions_agent_id_number_key"),
        sa.UniqueConstraint("org_id", "id", name="agent_versions_org_id_id_key"),
    )
    op.create_index("agent_versions_created_by_idx", "agent_versions", ["created_by"])

    op.create_table(
        "blob_parts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.BYTEA(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "blob_id"],
            ["blobs.org_id", "blobs.id"],
            name="blob_parts_org_id_blob_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="blob_parts_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "blob_id", "position", name="blob_parts_pkey"),
    )
    op.create_table(
        "threads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("external_user", sa.String(length=255), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("message_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("up_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("down_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "last_message_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "origin IN ('console', 'api', 'import', 'schedule', 'playground')", name="threads_origin_check"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="threads_org_id_agent_id_fkey",
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="threads_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="threads_user_id_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="threads_pkey"),
        sa.UniqueConstraint("org_id", "id", name="threads_org_id_id_key"),
    )
    op.create_index("threads_org_id_agent_id_created_at_idx", "threads", ["org_id", "agent_id", "created_at"])
    op.create_index(
        "threads_org_id_cost_micros_id_idx",
        "threads",
        ["org_id", "cost_micros", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND NOT archived"),
    )
    op.create_index(
        "threads_org_id_created_at_id_idx",
        "threads",
        ["org_id", "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND NOT archived"),
    )
    op.create_index(
        "threads_org_id_deleted_at_idx",
        "threads",
        ["org_id", "deleted_at"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "threads_org_id_last_message_at_id_idx",
        "threads",
        ["org_id", "last_message_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND NOT archived"),
    )
    op.create_index(
        "threads_org_id_message_count_id_idx",
        "threads",
        ["org_id", "message_count", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND NOT archived"),
    )
    op.create_index(
        "threads_org_id_origin_external_id_key",
        "threads",
        ["org_id", "origin", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "threads_org_id_tokens_id_idx",
        "threads",
        ["org_id", "tokens", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND NOT archived"),
    )
    op.create_index(
        "threads_user_id_created_at_idx",
        "threads",
        ["user_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        postgresql_include=["org_id", "archived", "deleted_at"],
    )

    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("branch", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="complete", nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("text_content", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_version_id", sa.Uuid(), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system', 'tool')", name="messages_role_check"),
        sa.CheckConstraint(
            "status IN ('complete', 'pending', 'stopped', 'failed')", name="messages_status_check"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_version_id"],
            ["agent_versions.org_id", "agent_versions.id"],
            name="messages_org_id_agent_version_id_fkey",
            ondelete="SET NULL (agent_version_id)",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "parent_id"],
            ["messages.org_id", "messages.id"],
            name="messages_org_id_parent_id_fkey",
            ondelete="SET NULL (parent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="messages_org_id_thread_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="messages_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="messages_pkey"),
        sa.UniqueConstraint("org_id", "id", name="messages_org_id_id_key"),
    )
    op.create_index(
        "messages_org_id_agent_version_id_idx",
        "messages",
        ["org_id", "agent_version_id"],
        postgresql_where=sa.text("agent_version_id IS NOT NULL"),
    )
    op.create_index("messages_org_id_created_at_idx", "messages", ["org_id", "created_at"])
    op.create_index(
        "messages_org_id_parent_id_idx",
        "messages",
        ["org_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "messages_org_id_thread_id_external_id_key",
        "messages",
        ["org_id", "thread_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index("messages_thread_id_created_at_idx", "messages", ["thread_id", "created_at", "id"])

    op.create_table(
        "thread_names",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("trigrams", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="thread_names_org_id_thread_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="thread_names_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "thread_id", name="thread_names_pkey"),
    )
    op.create_index(
        "threads_name_trigrams_gin_idx",
        "thread_names",
        ["trigrams"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )

    op.create_table(
        "thread_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name="thread_notes_author_id_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="thread_notes_org_id_thread_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="thread_notes_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="thread_notes_pkey"),
        sa.UniqueConstraint("org_id", "id", name="thread_notes_org_id_id_key"),
    )
    op.create_index("thread_notes_author_id_idx", "thread_notes", ["author_id"])
    op.create_index(
        "thread_notes_org_id_thread_id_created_at_idx", "thread_notes", ["org_id", "thread_id", "created_at"]
    )

    op.create_table(
        "feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("external_user", sa.String(length=255), nullable=True),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("rating IN (-1, 1)", name="feedback_rating_check"),
        sa.CheckConstraint("user_id IS NULL OR external_user IS NULL", name="feedback_user_id_check"),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["messages.org_id", "messages.id"],
            name="feedback_org_id_message_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="feedback_org_id_thread_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="feedback_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="feedback_user_id_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="feedback_pkey"),
        sa.UniqueConstraint("org_id", "id", name="feedback_org_id_id_key"),
    )
    op.create_index("feedback_org_id_created_at_id_idx", "feedback", ["org_id", "created_at", "id"])
    op.create_index("feedback_org_id_thread_id_idx", "feedback", ["org_id", "thread_id"])
    op.create_index("feedback_org_id_message_id_idx", "feedback", ["org_id", "message_id"])
    for column in ("user_id", "external_user"):
        op.create_index(
            f"feedback_message_id_{column}_key",
            "feedback",
            ["message_id", column],
            unique=True,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index("feedback_user_id_idx", "feedback", ["user_id"])

    op.create_table(
        "message_attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "blob_id"],
            ["blobs.org_id", "blobs.id"],
            name="message_attachments_org_id_blob_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["messages.org_id", "messages.id"],
            name="message_attachments_org_id_message_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="message_attachments_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="message_attachments_pkey"),
        sa.UniqueConstraint("message_id", "position", name="message_attachments_message_id_position_key"),
        sa.UniqueConstraint("org_id", "id", name="message_attachments_org_id_id_key"),
    )
    op.create_index("message_attachments_org_id_blob_id_idx", "message_attachments", ["org_id", "blob_id"])

    op.create_table(
        "message_search",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("tsv", postgresql.TSVECTOR(), nullable=False),
        sa.Column("tiers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["messages.org_id", "messages.id"],
            name="message_search_org_id_message_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="message_search_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "message_id", name="message_search_pkey"),
    )
    op.create_index(
        "message_search_tiers_gin_idx",
        "message_search",
        ["tiers"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        "messages_text_content_gin_idx",
        "message_search",
        ["tsv"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )

    for table in TABLES:
        rls.protect(table)
    for table in ("threads", "thread_names", "messages", "message_search"):
        rls.definer_reads(table)
    for statement in threads_sql.CREATE:
        op.execute(statement)
    for signature, definition in threads_sql.SEARCHES.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    for signature in threads_sql.SEARCHES:
        op.execute(f"DROP FUNCTION {signature}")
    for table in reversed(TABLES):
        op.drop_table(table)
    for signature in threads_sql.FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
