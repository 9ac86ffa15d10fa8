"""Fetch web pages as sources: pages have passages of their own, addresses say what is fetched and when again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

URLS, PAGES = "knowledge_base_web_urls", "knowledge_base_web_pages"
READ = (URLS, PAGES, "knowledge_bases")
"""The tables that keys between them read."""
SCOPES = ("page", "site", "sitemap")
STAGES = ("queued", "fetching", "reading", "splitting", "embedding", "ready", "failed")
DUE = "web_urls_due(integer)"
ADDED_TO_PAGES = (
    "knowledge_base_id",
    "status",
    "error",
    "progress",
    "enabled",
    "input_hash",
    "built_hash",
    "chunk_count",
    "task_id",
    "last_modified",
    "links",
    "location",
    "crawl_id",
)
ADDED_TO_URLS = ("scope", "created_by", "next_crawl_at", "crawl_id")


def listed(values: tuple[str, ...]) -> str:
    """The values as SQL has them in a list."""
    return ", ".join(f"'{value}'" for value in values)


def moment(name: str) -> sa.Column[sa.DateTime]:
    """A column for a moment that may be unknown."""
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


def add_to_urls() -> None:
    """What is fetched, for whom, and when again."""
    op.add_column(URLS, sa.Column("scope", sa.Text(), server_default="page", nullable=False))
    op.add_column(URLS, sa.Column("created_by", sa.Uuid(), nullable=True))
    op.add_column(URLS, moment("next_crawl_at"))
    op.add_column(URLS, sa.Column("crawl_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(f"{URLS}_scope_check", URLS, f"scope IN ({listed(SCOPES)})")
    op.create_foreign_key(
        f"{URLS}_created_by_fkey", URLS, "users", ["created_by"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        f"{URLS}_due_idx", URLS, ["next_crawl_at"], postgresql_where=sa.text("next_crawl_at IS NOT NULL")
    )


def add_to_pages() -> None:
    """What every source has, and what a page is asked for again with."""
    for column in (
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("input_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("built_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column(
            "links", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("crawl_id", sa.Uuid(), nullable=True),
    ):
        op.add_column(PAGES, column)


def fill_pages() -> None:
    """Give pages what they lack; so far no version has stored any."""
    op.execute(
        f"UPDATE {PAGES} p SET knowledge_base_id = u.knowledge_base_id, input_hash = p.content_hash"
        f"  FROM {URLS} u WHERE u.org_id = p.org_id AND u.id = p.web_url_id"
    )
    for name in ("content_hash", "fetched_at"):
        op.alter_column(PAGES, name, nullable=True)
    op.execute(f"UPDATE {PAGES} SET content_hash = NULL")
    for name in ("knowledge_base_id", "input_hash"):
        op.alter_column(PAGES, name, nullable=False)
    op.create_check_constraint(f"{PAGES}_status_check", PAGES, f"status IN ({listed(STAGES)})")
    op.create_foreign_key(
        f"{PAGES}_org_id_knowledge_base_id_fkey",
        PAGES,
        "knowledge_bases",
        ["org_id", "knowledge_base_id"],
        ["org_id", "id"],
        ondelete="CASCADE",
    )
    op.create_index(f"{PAGES}_list_idx", PAGES, ["org_id", "knowledge_base_id", "created_at", "id"])


def upgrade() -> None:
    for table in READ:
        rls.unforce(table)
    add_to_urls()
    add_to_pages()
    fill_pages()
    for table in READ:
        rls.force(table)
    rls.definer_reads(URLS)
    rls.definer_function(
        DUE,
        f"""
        (p_limit integer) RETURNS TABLE (org_id uuid, id uuid) LANGUAGE sql STABLE AS $$
        SELECT u.org_id, u.id FROM public.{URLS} u WHERE u.next_crawl_at <= now()
         ORDER BY u.next_crawl_at LIMIT p_limit $$
        """,
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {DUE}")
    op.execute(f"DROP POLICY {URLS}_definer ON {URLS}")
    op.execute(f"REVOKE SELECT ON {URLS} FROM agentpress_definer")
    rls.unforce(PAGES)
    op.execute(f"UPDATE {PAGES} SET content_hash = input_hash, fetched_at = coalesce(fetched_at, created_at)")
    rls.force(PAGES)
    for name in ("content_hash", "fetched_at"):
        op.alter_column(PAGES, name, nullable=False)
    for name in ADDED_TO_PAGES:
        op.drop_column(PAGES, name)
    for name in ADDED_TO_URLS:
        op.drop_column(URLS, name)
