"""Rank a word by its occurrences without intersecting those of a large organisation.

As with rare words (0036): few messages say a word very often, and where an organisation wrote a good part of them, reading
them all and leaving out those of others costs less than looking each one up in the organisation's part of the index.
"""

from importlib import import_module

from alembic import op

from migrations import rls, threads_sql
from migrations.threads_sql import FILTERS, FOUND, ORG, SEEN, TIERS

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

FEW = 5_000
"""Messages of all organisations that are read for the sake of one of them, if it holds a PART of them."""
PART = 0.1
SIGNATURE = f"best_matches(text, integer, {threads_sql.FILTER_TYPES})"

# VOLATILE, which it is not, because nothing else may ask for an estimate.
BEST = f"""
    (p_lexeme text, p_most integer, {FILTERS}) RETURNS {FOUND} LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_org uuid := {ORG};
        v_word tsquery := ('''' || replace(replace(p_lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery;
        v_left integer := p_most;
        v_asked text[];
        v_plan json;
        v_all float8;
        v_ours float8;
        v_above integer;
        v_found integer;
        v_tier integer;
    BEGIN
        IF v_org IS NULL OR p_lexeme IS NULL THEN RETURN; END IF;
        FOREACH v_tier IN ARRAY {TIERS} LOOP
            v_asked := ARRAY[p_lexeme || '#' || v_tier];
            EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.message_search s WHERE s.tiers @> %L::text[]
                            UNION ALL SELECT FROM public.message_search s WHERE s.tiers @> %L::text[]',
                           v_asked, v_org::text || v_asked) INTO v_plan;
            v_all := v_plan -> 0 -> 'Plan' -> 'Plans' -> 0 ->> 'Plan Rows';
            v_ours := v_plan -> 0 -> 'Plan' -> 'Plans' -> 1 ->> 'Plan Rows';
            IF v_all > {FEW} OR v_ours < v_all * {PART} THEN
                v_asked := v_org::text || v_asked;
            END IF;
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.org_id, s.message_id, s.thread_id, s.created_at, s.tiers, s.tsv
                  FROM public.message_search s WHERE s.tiers @> v_asked)
            SELECT s.message_id, s.thread_id, s.created_at, s.score
              FROM (SELECT f.*, ts_rank(f.tsv, v_word) AS score FROM found f
                     WHERE f.org_id = v_org AND (v_above IS NULL OR NOT f.tiers @> ARRAY[p_lexeme || '#' || v_above])
                     ORDER BY score DESC, f.created_at DESC, f.message_id DESC) s {SEEN}
             LIMIT v_left;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_left := v_left - v_found;
            IF v_left <= 0 THEN RETURN; END IF;
            v_above := v_tier;
        END LOOP;
        RETURN QUERY
        SELECT n.message_id, n.thread_id, n.created_at, ts_rank(s.tsv, v_word)
          FROM public.newest_matches(v_word, p_lexeme || '#2', v_left, p_viewer, p_agents, p_origins, p_from, p_to) n
          JOIN public.message_search s ON s.org_id = v_org AND s.message_id = n.message_id
         ORDER BY n.created_at DESC, n.message_id DESC;
    END $$
"""


def replace(definition: str) -> None:
    """Define the function anew."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    rls.definer_function(SIGNATURE, definition)


def upgrade() -> None:
    replace(BEST)


def downgrade() -> None:
    replace(import_module("migrations.versions.0006_bounded_search").BEST)
