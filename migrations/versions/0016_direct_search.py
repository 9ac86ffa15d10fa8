"""Search messages for seldom words in one step, and only for frequent ones from the newest on.

The planner's estimate says which they are: it knows how often words occur, and costs less than counting matches. For
what it takes for seldom, the index intersects organisation and words once, not once for each span of weeks.
"""

from importlib import import_module

from alembic import op

from migrations import rls, threads_sql
from migrations.threads_sql import FILTERS, FOUND, ORG, SEEN

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SELDOM = 5_000
"""Messages, as the planner estimates them, that are read and sorted in one step."""
SIGNATURE = f"newest_matches(tsquery, text, integer, {threads_sql.FILTER_TYPES})"


def _step(marks: str) -> str:
    """The newest of the matches with one of these marks, until the limit `v_left`."""
    return f"""
            RETURN QUERY
            WITH found AS MATERIALIZED (
                SELECT s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                 WHERE s.tsv @@ ({marks} && p_query))
            SELECT s.message_id, s.thread_id, s.created_at, NULL::real
              FROM (SELECT * FROM found f WHERE p_without IS NULL OR NOT f.tiers @> ARRAY[p_without]
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
        v_week date;
        v_oldest date;
        v_until date;
        v_span integer := 1;
        v_marks tsquery;
        v_left integer := p_most;
        v_found integer;
    BEGIN
        IF v_mark IS NULL OR p_query IS NULL THEN RETURN; END IF;
        EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.message_search s WHERE s.tsv @@ %L::tsquery',
                       (v_mark && p_query)::text) INTO v_plan;
        IF (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8 <= {SELDOM} THEN
            {_step("v_mark")}
            RETURN;
        END IF;
        SELECT date_trunc('week', least(max(m.created_at), p_to) AT TIME ZONE 'UTC'),
               date_trunc('week', greatest(min(m.created_at), p_from) AT TIME ZONE 'UTC')
          INTO v_week, v_oldest FROM public.messages m WHERE m.org_id = v_org;
        WHILE v_week >= v_oldest AND v_left > 0 LOOP
            v_until := greatest(v_week - 7 * (v_span - 1), v_oldest);
            SELECT string_agg('''' || v_org || '/' || to_char(w, 'YYYY-MM-DD') || '''', ' | ')::tsquery INTO v_marks
              FROM generate_series(v_until::timestamp, v_week, interval '7 days') w;
            {_step("v_marks")}
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_left := v_left - v_found;
            v_span := least(v_span * 2, 64);
            SELECT date_trunc('week', max(m.created_at) AT TIME ZONE 'UTC') INTO v_week FROM public.messages m
             WHERE m.org_id = v_org AND m.created_at < v_until::timestamp AT TIME ZONE 'UTC';
        END LOOP;
    END $$
"""


def replace(definition: str) -> None:
    """Define the function anew."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    rls.definer_function(SIGNATURE, definition)


def upgrade() -> None:
    replace(NEWEST)


def downgrade() -> None:
    replace(import_module("migrations.versions.0006_bounded_search").NEWEST)
