"""Search messages for rare words by the words alone.

An index that intersects rare words with a large organisation reads much of the organisation's part for each match. Where
an organisation holds a good part of the few matches that there are, reading all of them and leaving out those of others
costs a fraction. The planner's estimates say where.
"""

from importlib import import_module

from migrations.threads_sql import FILTERS, FOUND, ORG, SEEN

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

FEW = 20_000
"""Matches in all organisations that are read for the sake of one of them, if it holds a PART of them."""
PART = 0.1
_BEFORE = import_module("migrations.versions.0016_direct_search")


def _step(query: str) -> str:
    """The newest of the organisation's matches of one query, until the limit `v_left`."""
    return f"""
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.org_id, s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                 WHERE s.tsv @@ ({query}))
            SELECT s.message_id, s.thread_id, s.created_at, NULL::real
              FROM (SELECT * FROM found f
                     WHERE f.org_id = v_org AND (p_without IS NULL OR NOT f.tiers @> ARRAY[p_without])
                     ORDER BY f.created_at DESC, f.message_id DESC) s {SEEN}
             LIMIT v_left;
    """


# VOLATILE, which it is not, because nothing else may ask for an estimate.
NEWEST = f"""
    (p_query tsquery, p_without text, p_most integer, {FILTERS}) RETURNS {FOUND} LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_org uuid := {ORG};
        v_mark tsquery := ('''' || v_org || '''')::tsquery;
        v_plan json;
        v_all float8;
        v_ours float8;
        v_week date;
        v_oldest date;
        v_until date;
        v_span integer := 1;
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
        IF v_all <= {FEW} AND v_ours >= v_all * {PART} THEN
            {_step("p_query")}
            RETURN;
        ELSIF v_ours <= {_BEFORE.SELDOM} THEN
            {_step("v_mark && p_query")}
            RETURN;
        END IF;
        SELECT date_trunc('week', least(max(m.created_at), p_to) AT TIME ZONE 'UTC'),
               date_trunc('week', greatest(min(m.created_at), p_from) AT TIME ZONE 'UTC')
          INTO v_week, v_oldest FROM public.messages m WHERE m.org_id = v_org;
        WHILE v_week >= v_oldest AND v_left > 0 LOOP
            v_until := greatest(v_week - 7 * (v_span - 1), v_oldest);
            SELECT string_agg('''' || v_org || '/' || to_char(w, 'YYYY-MM-DD') || '''', ' | ')::tsquery INTO v_marks
              FROM generate_series(v_until::timestamp, v_week, interval '7 days') w;
            {_step("v_marks && p_query")}
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_left := v_left - v_found;
            v_span := least(v_span * 2, 64);
            SELECT date_trunc('week', max(m.created_at) AT TIME ZONE 'UTC') INTO v_week FROM public.messages m
             WHERE m.org_id = v_org AND m.created_at < v_until::timestamp AT TIME ZONE 'UTC';
        END LOOP;
    END $$
"""


def upgrade() -> None:
    _BEFORE.replace(NEWEST)


def downgrade() -> None:
    _BEFORE.replace(_BEFORE.NEWEST)
