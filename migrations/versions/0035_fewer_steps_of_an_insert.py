"""Make names and messages cheaper to write.

What waits beside an index of names or words is written into it in larger lots, and by the worker every few seconds.
The searched form of a message becomes part of the statement that stores it, instead of calls of functions within it.
Messages and searched forms lose their key to the organisation: the key to their thread or message, which has the
organisation in it, says the same. And the name of a thread that is added is not there yet.
"""

from alembic import op

from migrations import rls, threads_sql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

PENDING_KB = {
    "threads_name_trigrams_gin_idx": 512,
    "messages_text_content_gin_idx": 1024,
    "message_search_tiers_gin_idx": 512,
}
WORDS = f"to_tsvector('english', left(p_text, {threads_sql.SEARCHED_LENGTH}))"
MARKS = "array_to_tsvector(ARRAY[p_org::text, public.org_week(p_org, p_moment)])"
TIERS_OF = f"""
    SELECT {{added}}array_agg(w.lexeme || '#' || t.k) FROM unnest({{words}}) w, unnest({threads_sql.TIERS}) t(k)
     WHERE cardinality(w.positions) >= 2 AND cardinality(w.positions) >= t.k
    HAVING count(*) > 0
"""
# A function of a set, so that it is made part of the query that reads it; OFFSET 0, so that a text is parsed once.
SEARCHED_FORM = f"""
CREATE FUNCTION searched_form(p_org uuid, p_moment timestamptz, p_text text) RETURNS TABLE (tsv tsvector, tiers text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT f.words || {MARKS}, coalesce(({TIERS_OF.format(added="p_org::text || ", words="f.words")}), '{{}}')
      FROM (SELECT {WORDS} AS words OFFSET 0) f $$
"""
WORD_TIERS = f"""
CREATE FUNCTION word_tiers(p_tsv tsvector) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(({TIERS_OF.format(added="", words="p_tsv")}), '{{}}') $$
"""
BY_CALLS = f"""
CREATE FUNCTION searched_form(p_org uuid, p_moment timestamptz, p_text text, OUT tsv tsvector, OUT tiers text[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_words CONSTANT tsvector := {WORDS};
BEGIN
    tsv := v_words || {MARKS};
    tiers := public.word_tiers(v_words);
    IF tiers <> '{{}}' THEN tiers := p_org::text || tiers; END IF;
END $$
"""
KEEP_ADDED_NAMES = """
CREATE OR REPLACE FUNCTION keep_thread_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.thread_names (org_id, thread_id, trigrams)
    SELECT n.org_id, n.id, n.org_id::text || public.name_trigrams(n.name) FROM added n;
    RETURN NULL;
END $$
"""
DROP = "DROP FUNCTION searched_form(uuid, timestamptz, text)"


PARTS = ("thread_names", "messages", "message_search")
"""Tables whose rows go with a row that goes with its organisation."""


def upgrade() -> None:
    for statement in (DROP, "DROP FUNCTION word_tiers(tsvector)", SEARCHED_FORM, KEEP_ADDED_NAMES):
        op.execute(statement)
    for index, size in PENDING_KB.items():
        op.execute(f"ALTER INDEX {index} SET (gin_pending_list_limit = {size})")
    for table in PARTS:
        op.drop_constraint(f"{table}_org_id_fkey", table)


def downgrade() -> None:
    for table in PARTS:
        rls.unforce(table)
        op.create_foreign_key(f"{table}_org_id_fkey", table, "orgs", ["org_id"], ["id"], ondelete="CASCADE")
        rls.force(table)
    for index in PENDING_KB:
        op.execute(f"ALTER INDEX {index} SET (gin_pending_list_limit = 64)")
    added = threads_sql.KEEP_NAMES.partition(";\nCREATE TRIGGER")[0]
    for statement in (
        DROP,
        WORD_TIERS,
        BY_CALLS,
        added.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    ):
        op.execute(statement)
