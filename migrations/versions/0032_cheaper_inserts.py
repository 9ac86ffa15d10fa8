"""Make a message cheaper to write.

Every message moves its thread, and each time a trigger compared the names of all threads that changed with those from
before; it is asked for changed names only now. And of a message's words only those that occur more than once are put
beside the tiers.
"""

from alembic import op

from migrations import threads_sql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

NAME_CHANGED = """
CREATE OR REPLACE FUNCTION keep_changed_thread_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.thread_names SET trigrams = NEW.org_id::text || public.name_trigrams(NEW.name)
     WHERE org_id = NEW.org_id AND thread_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER threads_names_changed AFTER UPDATE OF name ON threads FOR EACH ROW WHEN (NEW.name <> OLD.name)
    EXECUTE FUNCTION keep_changed_thread_names()
"""
WORD_TIERS = f"""
CREATE OR REPLACE FUNCTION word_tiers(p_tsv tsvector) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(w.lexeme || '#' || t.k), '{{}}')
      FROM unnest(p_tsv) w JOIN unnest({threads_sql.TIERS}) t(k) ON cardinality(w.positions) >= t.k
     WHERE cardinality(w.positions) >= 2 $$
"""
DROP = "DROP TRIGGER threads_names_changed ON threads"


def upgrade() -> None:
    op.execute(DROP)
    op.execute(NAME_CHANGED)
    op.execute(WORD_TIERS)


def downgrade() -> None:
    before = threads_sql.KEEP_NAMES[
        threads_sql.KEEP_NAMES.index("CREATE FUNCTION keep_changed_thread_names") :
    ]
    op.execute(DROP)
    for definition in (threads_sql.WORD_TIERS, before):
        op.execute(definition.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
