"""Make names and messages cheaper to write.

What waits beside an index of names or words is written into it in larger lots, and by the worker every few seconds.
The searched form of a message becomes part of the statement that stores it, instead of calls of functions within it.
Messages and searched forms lose their key to the organisation: the key to their thread or message, which has the
organisation in it, says the same. The name of a thread that is added is not there yet. And whoever counts added messages
numbers the revision in the same step.
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
MARKS = "array_to_tsvector(ARRAY[p_org::text, {week}])"
WEEK = "p_org || '/' || to_char(date_trunc('week', p_moment AT TIME ZONE 'UTC'), 'YYYY-MM-DD')"
TIERS_OF = f"""
    SELECT {{added}}array_agg(w.lexeme || '#' || t.k) FROM unnest({{words}}) w, unnest({threads_sql.TIERS}) t(k)
     WHERE cardinality(w.positions) >= 2 AND cardinality(w.positions) >= t.k
    HAVING count(*) > 0
"""
# A function of a set, so that it is made part of the query that reads it; OFFSET 0, so that a text is parsed once.
SEARCHED_FORM = f"""
CREATE FUNCTION searched_form(p_org uuid, p_moment timestamptz, p_text text) RETURNS TABLE (tsv tsvector, tiers text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT f.words || {MARKS.format(week=WEEK)},
           coalesce(({TIERS_OF.format(added="p_org::text || ", words="f.words")}), '{{}}')
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
    tsv := v_words || {MARKS.format(week="public.org_week(p_org, p_moment)")};
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
REVISIONS = """
DROP TRIGGER threads_revision ON threads;
CREATE TRIGGER threads_revision BEFORE UPDATE ON threads
    FOR EACH ROW {when}EXECUTE FUNCTION number_thread_revision()
"""
COUNT_ADDED = """
CREATE OR REPLACE FUNCTION count_added_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.threads t SET
           message_count = t.message_count + c.messages,
           error_count = t.error_count + c.errors,
           tokens = t.tokens + c.tokens,
           cost_micros = t.cost_micros + c.cost_micros,
           last_message_at = greatest(t.last_message_at, c.latest),
           revision = t.revision + 1
      FROM (SELECT m.org_id, m.thread_id, count(*) AS messages, count(m.error) AS errors,
                   coalesce(sum(m.input_tokens), 0) + coalesce(sum(m.output_tokens), 0) AS tokens,
                   coalesce(sum(m.cost_micros), 0) AS cost_micros, max(m.created_at) AS latest
              FROM added m GROUP BY m.org_id, m.thread_id ORDER BY m.thread_id) c
     WHERE t.org_id = c.org_id AND t.id = c.thread_id;
    RETURN NULL;
END $$
"""
DROP = "DROP FUNCTION searched_form(uuid, timestamptz, text)"


PARTS = ("thread_names", "messages", "message_search")
"""Tables whose rows go with a row that goes with its organisation."""


def _again(definition: str) -> str:
    return definition.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def upgrade() -> None:
    for statement in (
        DROP,
        "DROP FUNCTION word_tiers(tsvector)",
        "DROP FUNCTION org_week(uuid, timestamptz)",
        SEARCHED_FORM,
        KEEP_ADDED_NAMES,
        COUNT_ADDED,
        REVISIONS.format(when="WHEN (NEW.revision = OLD.revision) "),
    ):
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
    for statement in (
        DROP,
        WORD_TIERS,
        threads_sql.ORG_WEEK,
        BY_CALLS,
        _again(threads_sql.KEEP_NAMES.partition(";\nCREATE TRIGGER")[0]),
        _again(threads_sql.COUNT_MESSAGES.partition("END $$")[0] + "END $$"),
        REVISIONS.format(when=""),
    ):
        op.execute(statement)
