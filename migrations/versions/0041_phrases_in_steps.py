"""Search messages for phrases as far back as it takes to find enough of them.

An index holds no positions, so every message that holds the words of a phrase is read. Where these are many, the newest
weeks are read until enough messages hold the phrase; `p_enough` says how many that are, and the last row, which is no
message, since when. What is rarer than that is looked for in everything older at once: an index intersects one
organisation in a tenth of the time that it takes for the weeks of a year. The bitmap of so many messages needs its memory.
How many weeks are read next is how many more are needed by what was found so far, at most twice as many as before.
"""

from importlib import import_module

from alembic import op

from migrations import rls, threads_sql
from migrations.threads_sql import FILTERS, FOUND, ORG, SEEN

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

FEW_OF_PHRASES = 20_000
"""Messages with the words of a phrase, as the planner estimates them, that are read in one step."""
LONG = 8
"""Weeks that the index intersects quickly; where more are needed, everything older is read."""
MANY = 200_000
"""Estimated messages that are read at once for it; more are read from the newest weeks on."""
MEMORY = "32MB"
BEFORE = f"newest_matches(tsquery, text, integer, {threads_sql.FILTER_TYPES})"
SIGNATURE = f"newest_matches(tsquery, text, integer, {threads_sql.FILTER_TYPES}, integer)"
_BEFORE = import_module("migrations.versions.0036_rare_words_by_themselves")
_SELDOM = import_module("migrations.versions.0016_direct_search").SELDOM


def _step(query: str) -> str:
    """The newest of the organisation's matches of one query, before the weeks read, until the limit `v_left`."""
    return f"""
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.org_id, s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                 WHERE s.tsv @@ ({query}))
            SELECT s.message_id, s.thread_id, s.created_at, NULL::real
              FROM (SELECT * FROM found f
                     WHERE f.org_id = v_org AND (p_without IS NULL OR NOT f.tiers @> ARRAY[p_without])
                       AND (v_since IS NULL OR f.created_at < v_since)
                     ORDER BY f.created_at DESC, f.message_id DESC) s {SEEN}
             LIMIT v_left;
    """


# VOLATILE, which it is not, because nothing else may ask for an estimate.
NEWEST = f"""
    (p_query tsquery, p_without text, p_most integer, {FILTERS}, p_enough integer DEFAULT NULL)
    RETURNS {FOUND} LANGUAGE plpgsql VOLATILE SET work_mem = '{MEMORY}' AS $$
    DECLARE
        v_org uuid := {ORG};
        v_mark tsquery := ('''' || v_org || '''')::tsquery;
        v_few integer := CASE WHEN p_enough IS NULL THEN {_SELDOM} ELSE {FEW_OF_PHRASES} END;
        v_plan json;
        v_all float8;
        v_ours float8;
        v_week date;
        v_oldest date;
        v_until date;
        v_since timestamptz;
        v_span integer := 1;
        v_read integer := 0;
        v_marks tsquery;
        v_left integer := p_most;
        v_found integer;
    BEGIN
        IF v_mark IS NULL OR p_query IS NULL THEN RETURN; END IF;
        EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.message_search s WHERE s.tsv @@ %L::tsquery
                        UNION ALL SELECT FROM public.message_search s WHERE s.tsv @@ %L::tsquery',
                       p_query::text, (v_mark && p_query)::text) INTO v_plan;
        v_all := v_plan -> 0 -> 'Plan' -> 'Plans' -> 0 ->> 'Plan Rows';
        v_ours := v_plan -> 0 -> 'Plan' -> 'Plans' -> 1 ->> 'Plan Rows';
        IF v_all <= {_BEFORE.FEW} AND v_ours >= v_all * {_BEFORE.PART} THEN
            {_step("p_query")}
            RETURN;
        ELSIF v_ours <= v_few THEN
            {_step("v_mark && p_query")}
            RETURN;
        END IF;
        SELECT date_trunc('week', least(max(m.created_at), p_to) AT TIME ZONE 'UTC'),
               date_trunc('week', greatest(min(m.created_at), p_from) AT TIME ZONE 'UTC')
          INTO v_week, v_oldest FROM public.messages m WHERE m.org_id = v_org;
        WHILE v_week >= v_oldest AND v_left > 0 LOOP
            IF v_left <= p_most - p_enough THEN
                message_id := NULL;
                thread_id := NULL;
                created_at := v_since;
                score := NULL;
                RETURN NEXT;
                RETURN;
            ELSIF v_span > {LONG} AND v_ours <= {MANY} THEN
                {_step("v_mark && p_query")}
                RETURN;
            END IF;
            v_until := greatest(v_week - 7 * (v_span - 1), v_oldest);
            SELECT string_agg('''' || v_org || '/' || to_char(w, 'YYYY-MM-DD') || '''', ' | ')::tsquery INTO v_marks
              FROM generate_series(v_until::timestamp, v_week, interval '7 days') w;
            {_step("v_marks && p_query")}
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_left := v_left - v_found;
            v_read := v_read + v_span;
            v_span := least(v_span * 2, 64, greatest(1, ceil(
                (coalesce(p_enough, p_most) - p_most + v_left) * v_read::float8 / greatest(p_most - v_left, 1))));
            v_since := v_until::timestamp AT TIME ZONE 'UTC';
            SELECT date_trunc('week', max(m.created_at) AT TIME ZONE 'UTC') INTO v_week FROM public.messages m
             WHERE m.org_id = v_org AND m.created_at < v_since;
        END LOOP;
    END $$
"""


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {BEFORE}")
    rls.definer_function(SIGNATURE, NEWEST)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    rls.definer_function(BEFORE, _BEFORE.NEWEST)
