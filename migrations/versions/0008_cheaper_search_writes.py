"""Make names and texts cheaper to keep searchable, and the names of one person's threads readable from an index.

Each name and text has dozens of keys. Written one by one they were most of an insert's time; lists of 64 kB that wait
cost a search next to nothing. Trigrams need no sorting, as the index does it.
"""

from alembic import op

from migrations import threads_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = ("threads_name_trigrams_gin_idx", "messages_text_content_gin_idx", "message_search_tiers_gin_idx")
PERSONS_THREADS = """
CREATE INDEX threads_user_id_created_at_idx ON threads (user_id, created_at DESC, id DESC)
    INCLUDE (org_id, archived, deleted_at{})
"""
NAME_TRIGRAMS = """
CREATE OR REPLACE FUNCTION name_trigrams(p_name text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_letters CONSTANT text[] := string_to_array(lower(p_name), NULL);
    v_found text[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(v_letters) - 2 LOOP
        v_found := v_found || (v_letters[i] || v_letters[i + 1] || v_letters[i + 2]);
    END LOOP;
    RETURN v_found;
END $$
"""


def upgrade() -> None:
    op.execute(NAME_TRIGRAMS)
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} SET (fastupdate = on, gin_pending_list_limit = 64)")
    op.execute("DROP INDEX threads_user_id_created_at_idx")
    op.execute(PERSONS_THREADS.format(", name"))


def downgrade() -> None:
    op.execute("DROP INDEX threads_user_id_created_at_idx")
    op.execute(PERSONS_THREADS.format(""))
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} RESET (gin_pending_list_limit)")
        op.execute(f"ALTER INDEX {index} SET (fastupdate = off)")
    op.execute(threads_sql.NAME_TRIGRAMS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
