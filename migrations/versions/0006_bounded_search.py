"""Search messages from the newest on in spans that double, and rank a word before its threads are looked at.

Counting the matches first read all of a common word's; a step for each week was 52 steps for a word that is rare.
"""

from alembic import op

from migrations import rls, threads_sql
from migrations.threads_sql import FILTERS, FOUND, ORG, SEEN, TIERS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEWEST = f"""
    (p_query tsquery, p_without text, p_most integer, {FILTERS}) RETURNS {FOUND} LANGUAGE plpgsql STABLE AS $$
    DECLARE
        v_org uuid := {ORG};
        v_week date;
        v_oldest date;
        v_until date;
        v_span integer := 1;
        v_marks tsquery;
        v_left integer := p_most;
        v_found integer;
    BEGIN
        SELECT date_trunc('week', least(max(m.created_at), p_to) AT TIME ZONE 'UTC'),
               date_trunc('week', greatest(min(m.created_at), p_from) AT TIME ZONE 'UTC')
          INTO v_week, v_oldest FROM public.messages m WHERE m.org_id = v_org;
        WHILE v_week >= v_oldest AND v_left > 0 LOOP
            v_until := greatest(v_week - 7 * (v_span - 1), v_oldest);
            SELECT string_agg('''' || v_org || '/' || to_char(w, 'YYYY-MM-DD') || '''', ' | ')::tsquery INTO v_marks
              FROM generate_series(v_until::timestamp, v_week, interval '7 days') w;
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                 WHERE s.tsv @@ (v_marks && p_query))
            SELECT s.message_id, s.thread_id, s.created_at, NULL::real
              FROM (SELECT * FROM found f WHERE p_without IS NULL OR NOT f.tiers @> ARRAY[p_without]
                     ORDER BY f.created_at DESC, f.message_id DESC) s {SEEN}
             LIMIT v_left;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_left := v_left - v_found;
            v_span := least(v_span * 2, 64);
            SELECT date_trunc('week', max(m.created_at) AT TIME ZONE 'UTC') INTO v_week FROM public.messages m
             WHERE m.org_id = v_org AND m.created_at < v_until::timestamp AT TIME ZONE 'UTC';
        END LOOP;
    END $$
"""

BEST = f"""
    (p_lexeme text, p_most integer, {FILTERS}) RETURNS {FOUND} LANGUAGE plpgsql STABLE AS $$
    DECLARE
        v_org uuid := {ORG};
        v_word tsquery := ('''' || replace(replace(p_lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery;
        v_left integer := p_most;
        v_above integer;
        v_found integer;
        v_tier integer;
    BEGIN
        FOREACH v_tier IN ARRAY {TIERS} LOOP
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.message_id, s.thread_id, s.created_at, s.tiers, ts_rank(s.tsv, v_word) AS score
                  FROM public.message_search s WHERE s.tiers @> ARRAY[v_org::text, p_lexeme || '#' || v_tier])
            SELECT s.message_id, s.thread_id, s.created_at, s.score
              FROM (SELECT * FROM found f WHERE v_above IS NULL OR NOT f.tiers @> ARRAY[p_lexeme || '#' || v_above]
                     ORDER BY f.score DESC, f.created_at DESC, f.message_id DESC) s {SEEN}
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

SEARCHES = {
    f"newest_matches(tsquery, text, integer, {threads_sql.FILTER_TYPES})": NEWEST,
    f"best_matches(text, integer, {threads_sql.FILTER_TYPES})": BEST,
}


def replace(definitions: dict[str, str]) -> None:
    for signature in SEARCHES:
        op.execute(f"DROP FUNCTION {signature}")
        rls.definer_function(signature, definitions[signature])


def upgrade() -> None:
    replace(SEARCHES)


def downgrade() -> None:
    replace(threads_sql.SEARCHES)
