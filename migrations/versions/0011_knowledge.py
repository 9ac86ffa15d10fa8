"""Knowledge bases with their sources, generations, passages and vectors, and saved questions to test them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.knowledge.models.chunks import HalfVector
from migrations import knowledge_sql, rls

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    "knowledge_bases",
    "knowledge_base_files",
    "knowledge_base_freeform_texts",
    "knowledge_base_generations",
    "knowledge_base_tables",
    "knowledge_base_web_urls",
    "knowledge_base_table_rows",
    "knowledge_base_web_pages",
    "knowledge_base_chunks",
    "retrieval_tests",
    "embeddings",
    "knowledge_base_chunk_search",
    "retrieval_test_runs",
)


def upgrade() -> None:
    op.create_table(
        "knowledge_bases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("chunking", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "retrieval",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("live_generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("source_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_bases_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_bases_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_bases_org_id_id_key"),
    )
    op.create_index(
        "knowledge_bases_org_id_created_at_id_idx", "knowledge_bases", ["org_id", "created_at", "id"]
    )
    op.create_index(
        "knowledge_bases_org_id_name_key",
        "knowledge_bases",
        ["org_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_table(
        "knowledge_base_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("byte_size", sa.Integer(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=True),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("input_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("built_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'fetching', 'reading', 'splitting', 'embedding', 'ready', 'failed')",
            name="knowledge_base_files_status_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "blob_id"],
            ["blobs.org_id", "blobs.id"],
            name="knowledge_base_files_org_id_blob_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_files_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_files_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_files_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_files_org_id_id_key"),
    )
    op.create_index(
        "knowledge_base_files_list_idx",
        "knowledge_base_files",
        ["org_id", "knowledge_base_id", "created_at", "id"],
    )
    op.create_index("knowledge_base_files_org_id_blob_id_idx", "knowledge_base_files", ["org_id", "blob_id"])
    op.create_table(
        "knowledge_base_freeform_texts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("input_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("built_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'fetching', 'reading', 'splitting', 'embedding', 'ready', 'failed')",
            name="knowledge_base_freeform_texts_status_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_freeform_texts_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_freeform_texts_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_freeform_texts_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_freeform_texts_org_id_id_key"),
    )
    op.create_index(
        "knowledge_base_freeform_texts_list_idx",
        "knowledge_base_freeform_texts",
        ["org_id", "knowledge_base_id", "created_at", "id"],
    )
    op.create_table(
        "knowledge_base_generations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("chunking", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("swapped_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('building', 'live', 'retired', 'failed')",
            name="knowledge_base_generations_status_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_generations_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_generations_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_generations_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_generations_org_id_id_key"),
        sa.UniqueConstraint(
            "org_id",
            "knowledge_base_id",
            "number",
            name="knowledge_base_generations_org_id_knowledge_base_id_number_key",
        ),
    )
    op.create_index(
        "knowledge_base_generations_building_key",
        "knowledge_base_generations",
        ["org_id", "knowledge_base_id"],
        unique=True,
        postgresql_where=sa.text("status = 'building'"),
    )
    op.create_index(
        "knowledge_base_generations_live_key",
        "knowledge_base_generations",
        ["org_id", "knowledge_base_id"],
        unique=True,
        postgresql_where=sa.text("status = 'live'"),
    )
    op.create_table(
        "knowledge_base_tables",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column(
            "columns", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("row_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("input_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("built_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'fetching', 'reading', 'splitting', 'embedding', 'ready', 'failed')",
            name="knowledge_base_tables_status_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "blob_id"],
            ["blobs.org_id", "blobs.id"],
            name="knowledge_base_tables_org_id_blob_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_tables_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_tables_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_tables_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_tables_org_id_id_key"),
    )
    op.create_index(
        "knowledge_base_tables_list_idx",
        "knowledge_base_tables",
        ["org_id", "knowledge_base_id", "created_at", "id"],
    )
    op.create_index(
        "knowledge_base_tables_org_id_blob_id_idx", "knowledge_base_tables", ["org_id", "blob_id"]
    )
    op.create_table(
        "knowledge_base_web_urls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("max_depth", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_pages", sa.Integer(), server_default="1", nullable=False),
        sa.Column("refresh_seconds", sa.Integer(), nullable=True),
        sa.Column("last_crawled_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("input_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("built_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'fetching', 'reading', 'splitting', 'embedding', 'ready', 'failed')",
            name="knowledge_base_web_urls_status_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_web_urls_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_web_urls_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_web_urls_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_web_urls_org_id_id_key"),
        sa.UniqueConstraint(
            "org_id",
            "knowledge_base_id",
            "url",
            name="knowledge_base_web_urls_org_id_knowledge_base_id_url_key",
        ),
    )
    op.create_index(
        "knowledge_base_web_urls_list_idx",
        "knowledge_base_web_urls",
        ["org_id", "knowledge_base_id", "created_at", "id"],
    )
    op.create_table(
        "knowledge_base_table_rows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("table_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "table_id"],
            ["knowledge_base_tables.org_id", "knowledge_base_tables.id"],
            name="knowledge_base_table_rows_org_id_table_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_table_rows_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_table_rows_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_table_rows_org_id_id_key"),
        sa.UniqueConstraint(
            "org_id", "table_id", "position", name="knowledge_base_table_rows_org_id_table_id_position_key"
        ),
    )
    op.create_table(
        "knowledge_base_web_pages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("web_url_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("fetched_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "web_url_id"],
            ["knowledge_base_web_urls.org_id", "knowledge_base_web_urls.id"],
            name="knowledge_base_web_pages_org_id_web_url_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_web_pages_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_web_pages_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_web_pages_org_id_id_key"),
        sa.UniqueConstraint(
            "org_id", "web_url_id", "url", name="knowledge_base_web_pages_org_id_web_url_id_url_key"
        ),
    )
    op.create_table(
        "knowledge_base_chunks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("first_generation", sa.Integer(), nullable=True),
        sa.Column("last_generation", sa.Integer(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("freeform_text_id", sa.Uuid(), nullable=True),
        sa.Column("table_id", sa.Uuid(), nullable=True),
        sa.Column("web_page_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("start_offset", sa.Integer(), nullable=False),
        sa.Column("end_offset", sa.Integer(), nullable=False),
        sa.Column("content_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("source_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "num_nonnulls(file_id, freeform_text_id, table_id, web_page_id) = 1",
            name="knowledge_base_chunks_source_check",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "file_id"],
            ["knowledge_base_files.org_id", "knowledge_base_files.id"],
            name="knowledge_base_chunks_org_id_file_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "freeform_text_id"],
            ["knowledge_base_freeform_texts.org_id", "knowledge_base_freeform_texts.id"],
            name="knowledge_base_chunks_org_id_freeform_text_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="knowledge_base_chunks_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "table_id"],
            ["knowledge_base_tables.org_id", "knowledge_base_tables.id"],
            name="knowledge_base_chunks_org_id_table_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "web_page_id"],
            ["knowledge_base_web_pages.org_id", "knowledge_base_web_pages.id"],
            name="knowledge_base_chunks_org_id_web_page_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_chunks_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="knowledge_base_chunks_pkey"),
        sa.UniqueConstraint("org_id", "id", name="knowledge_base_chunks_org_id_id_key"),
    )
    op.create_index(
        "knowledge_base_chunks_org_id_file_id_position_idx",
        "knowledge_base_chunks",
        ["org_id", "file_id", "position"],
        postgresql_where=sa.text("file_id IS NOT NULL"),
    )
    op.create_index(
        "knowledge_base_chunks_org_id_freeform_text_id_position_idx",
        "knowledge_base_chunks",
        ["org_id", "freeform_text_id", "position"],
        postgresql_where=sa.text("freeform_text_id IS NOT NULL"),
    )
    op.create_index(
        "knowledge_base_chunks_hashes_idx",
        "knowledge_base_chunks",
        ["org_id", "knowledge_base_id", "content_hash"],
    )
    op.create_index(
        "knowledge_base_chunks_org_id_table_id_position_idx",
        "knowledge_base_chunks",
        ["org_id", "table_id", "position"],
        postgresql_where=sa.text("table_id IS NOT NULL"),
    )
    op.create_index(
        "knowledge_base_chunks_org_id_web_page_id_position_idx",
        "knowledge_base_chunks",
        ["org_id", "web_page_id", "position"],
        postgresql_where=sa.text("web_page_id IS NOT NULL"),
    )
    op.create_table(
        "retrieval_tests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("expected", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="retrieval_tests_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "message_id"],
            ["messages.org_id", "messages.id"],
            name="retrieval_tests_org_id_message_id_fkey",
            ondelete="SET NULL (message_id)",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="retrieval_tests_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="retrieval_tests_pkey"),
        sa.UniqueConstraint("org_id", "id", name="retrieval_tests_org_id_id_key"),
    )
    op.create_index(
        "retrieval_tests_org_id_knowledge_base_id_idx", "retrieval_tests", ["org_id", "knowledge_base_id"]
    )
    op.create_index(
        "retrieval_tests_org_id_message_id_idx",
        "retrieval_tests",
        ["org_id", "message_id"],
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_table(
        "embeddings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.Column("first_generation", sa.Integer(), nullable=False),
        sa.Column("last_generation", sa.Integer(), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("embedding", HalfVector(), nullable=False),
        sa.Column(
            "bits",
            postgresql.BIT(varying=True),
            sa.Computed("binary_quantize(embedding)::varbit", persisted=True),
            nullable=False,
        ),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("vector_dims(embedding) = dimensions", name="embeddings_dimensions_check"),
        sa.ForeignKeyConstraint(
            ["org_id", "chunk_id"],
            ["knowledge_base_chunks.org_id", "knowledge_base_chunks.id"],
            name="embeddings_org_id_chunk_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "knowledge_base_id"],
            ["knowledge_bases.org_id", "knowledge_bases.id"],
            name="embeddings_org_id_knowledge_base_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "resource_id"],
            ["knowledge_base_files.org_id", "knowledge_base_files.id"],
            name="embeddings_org_id_resource_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="embeddings_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="embeddings_pkey"),
        sa.UniqueConstraint(
            "org_id", "chunk_id", "first_generation", name="embeddings_org_id_chunk_id_first_generation_key"
        ),
        sa.UniqueConstraint("org_id", "id", name="embeddings_org_id_id_key"),
    )
    op.create_index(
        "embeddings_embedding_hnsw_1024_idx",
        "embeddings",
        [sa.literal_column("(embedding::halfvec(1024)) halfvec_cosine_ops")],
        postgresql_using="hnsw",
        postgresql_where=sa.text("dimensions = 1024"),
    )
    op.create_index(
        "embeddings_embedding_hnsw_1536_idx",
        "embeddings",
        [sa.literal_column("(embedding::halfvec(1536)) halfvec_cosine_ops")],
        postgresql_using="hnsw",
        postgresql_where=sa.text("dimensions = 1536"),
    )
    op.create_index(
        "embeddings_embedding_hnsw_3072_idx",
        "embeddings",
        [sa.literal_column("(embedding::halfvec(3072)) halfvec_cosine_ops")],
        postgresql_using="hnsw",
        postgresql_where=sa.text("dimensions = 3072"),
    )
    op.create_index(
        "embeddings_embedding_hnsw_384_idx",
        "embeddings",
        [sa.literal_column("(embedding::halfvec(384)) halfvec_cosine_ops")],
        postgresql_using="hnsw",
        postgresql_where=sa.text("dimensions = 384"),
    )
    op.create_index(
        "embeddings_embedding_hnsw_768_idx",
        "embeddings",
        [sa.literal_column("(embedding::halfvec(768)) halfvec_cosine_ops")],
        postgresql_using="hnsw",
        postgresql_where=sa.text("dimensions = 768"),
    )
    op.create_index(
        "embeddings_generations_idx",
        "embeddings",
        ["org_id", "knowledge_base_id", "first_generation", "last_generation"],
    )
    op.create_index(
        "embeddings_org_id_resource_id_idx",
        "embeddings",
        ["org_id", "resource_id"],
        postgresql_where=sa.text("resource_id IS NOT NULL"),
    )
    op.create_table(
        "knowledge_base_chunk_search",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.Column("tsv", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "chunk_id"],
            ["knowledge_base_chunks.org_id", "knowledge_base_chunks.id"],
            name="knowledge_base_chunk_search_org_id_chunk_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="knowledge_base_chunk_search_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "chunk_id", name="knowledge_base_chunk_search_pkey"),
    )
    op.create_index(
        "knowledge_base_chunks_text_gin_idx",
        "knowledge_base_chunk_search",
        ["tsv"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "retrieval_test_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("retrieval_test_id", sa.Uuid(), nullable=False),
        sa.Column("generation_id", sa.Uuid(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("recall", sa.Double(), nullable=False),
        sa.Column("mrr", sa.Double(), nullable=False),
        sa.Column("ranks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("k > 0", name="retrieval_test_runs_k_check"),
        sa.ForeignKeyConstraint(
            ["org_id", "generation_id"],
            ["knowledge_base_generations.org_id", "knowledge_base_generations.id"],
            name="retrieval_test_runs_org_id_generation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "retrieval_test_id"],
            ["retrieval_tests.org_id", "retrieval_tests.id"],
            name="retrieval_test_runs_org_id_retrieval_test_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="retrieval_test_runs_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="retrieval_test_runs_pkey"),
        sa.UniqueConstraint("org_id", "id", name="retrieval_test_runs_org_id_id_key"),
    )
    op.create_index(
        "retrieval_test_runs_org_id_generation_id_idx", "retrieval_test_runs", ["org_id", "generation_id"]
    )
    op.create_index(
        "retrieval_test_runs_org_id_retrieval_test_id_idx",
        "retrieval_test_runs",
        ["org_id", "retrieval_test_id"],
    )
    for table in TABLES:
        rls.protect(table)
    for table in knowledge_sql.READ_BY_SEARCHES:
        rls.definer_reads(table)
    op.execute(knowledge_sql.KEEP_SEARCHED)
    for signature, definition in knowledge_sql.SEARCHES.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    for signature in knowledge_sql.SEARCHES:
        op.execute(f"DROP FUNCTION {signature}")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION keep_chunk_search()")
