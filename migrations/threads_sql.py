"""The SQL of revision 0002: how counters and searched forms of threads are kept, and how they are searched.

The searches run as `agentpress_definer`, because under a policy `@@` and `@>` cannot use an index; the organisation is
the transaction's, never an argument. In every search the index condition stands alone in a materialised part: beside
other conditions a generic plan intersects the index with the whole organisation.
"""

ORG = "NULLIF(current_setting('app.org_id', true), '')::uuid"
TIERS = "ARRAY[16, 8, 5, 4, 3, 2]"
SEARCHED_LENGTH = 100_000
"""Characters of a message that are searched; a tsvector holds at most 1 MB."""
PROBE = 1_000
"""Matches that are simply read and sorted; where there are more, the newest weeks are searched first."""

NAME_TRIGRAMS = """
CREATE FUNCTION name_trigrams(p_name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(lower(p_name), i, 3)), '{}')
      FROM generate_series(1, length(lower(p_name)) - 2) i $$
"""

WORD_TIERS = f"""
CREATE FUNCTION word_tiers(p_tsv tsvector) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(w.lexeme || '#' || t.k), '{{}}')
      FROM unnest(p_tsv) w JOIN unnest({TIERS}) t(k) ON cardinality(w.positions) >= t.k $$
"""

ORG_WEEK = """
CREATE FUNCTION org_week(p_org uuid, p_moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_org || '/' || to_char(date_trunc('week', p_moment AT TIME ZONE 'UTC'), 'YYYY-MM-DD') $$
"""

SEARCHED_FORM = f"""
CREATE FUNCTION searched_form(p_org uuid, p_moment timestamptz, p_text text, OUT tsv tsvector, OUT tiers text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT w.words || array_to_tsvector(ARRAY[p_org::text, public.org_week(p_org, p_moment)]),
           CASE WHEN w.tiers = '{{}}' THEN w.tiers ELSE p_org::text || w.tiers END
      FROM (SELECT v.words, public.word_tiers(v.words) AS tiers
              FROM (SELECT to_tsvector('english', left(p_text, {SEARCHED_LENGTH})) AS words) v) w $$
"""

NUMBER_REVISIONS = """
CREATE FUNCTION number_thread_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER threads_revision BEFORE UPDATE ON threads FOR EACH ROW EXECUTE FUNCTION number_thread_revision()
"""

KEEP_NAMES = """
CREATE FUNCTION keep_thread_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.thread_names (org_id, thread_id, trigrams)
    SELECT n.org_id, n.id, n.org_id::text || public.name_trigrams(n.name) FROM added n
    ON CONFLICT (org_id, thread_id) DO UPDATE SET trigrams = excluded.trigrams
     WHERE thread_names.trigrams <> excluded.trigrams;
    RETURN NULL;
END $$;
CREATE TRIGGER threads_names_added AFTER INSERT ON threads REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_thread_names();
CREATE FUNCTION keep_changed_thread_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.thread_names s SET trigrams = n.org_id::text || public.name_trigrams(n.name)
      FROM added n JOIN removed o USING (org_id, id)
     WHERE n.name <> o.name AND s.org_id = n.org_id AND s.thread_id = n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER threads_names_changed AFTER UPDATE ON threads REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changed_thread_names()
"""

# What rows of messages add to their threads; `sign` takes it away again.
_TALLY = """
    SELECT m.org_id, m.thread_id, {sign} AS messages, {sign} * (m.error IS NOT NULL)::int AS errors,
           {sign} * (coalesce(m.input_tokens, 0) + coalesce(m.output_tokens, 0))::bigint AS tokens,
           {sign} * coalesce(m.cost_micros, 0) AS cost_micros, m.created_at FROM {rows} m
"""


def _count_messages(name: str, *tallies: str) -> str:
    """A trigger function that brings the counters of the threads up to date, and touches each of them once."""
    rows = " UNION ALL ".join(tallies)
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.threads t SET
           message_count = t.message_count + c.messages,
           error_count = t.error_count + c.errors,
           tokens = t.tokens + c.tokens,
           cost_micros = t.cost_micros + c.cost_micros,
           last_message_at = greatest(t.last_message_at, c.latest)
      FROM (SELECT d.org_id, d.thread_id, sum(d.messages) AS messages, sum(d.errors) AS errors,
                   sum(d.tokens) AS tokens, sum(d.cost_micros) AS cost_micros, max(d.created_at) AS latest
              FROM ({rows}) d GROUP BY d.org_id, d.thread_id ORDER BY d.thread_id) c
     WHERE t.org_id = c.org_id AND t.id = c.thread_id;
    RETURN NULL;
END $$
"""


COUNT_MESSAGES = f"""
{_count_messages("count_added_messages", _TALLY.format(sign="1", rows="added"))};
{_count_messages("count_removed_messages", _TALLY.format(sign="-1", rows="removed"))};
{
    _count_messages(
        "count_changed_messages",
        _TALLY.format(sign="1", rows="added"),
        _TALLY.format(sign="-1", rows="removed"),
    )
};
CREATE TRIGGER messages_counted AFTER INSERT ON messages REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_messages();
CREATE TRIGGER messages_discounted AFTER DELETE ON messages REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_messages();
CREATE TRIGGER messages_recounted AFTER UPDATE ON messages REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_messages()
"""

KEEP_SEARCHED = """
CREATE FUNCTION keep_message_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.message_search (org_id, message_id, thread_id, created_at, tsv, tiers)
    SELECT m.org_id, m.id, m.thread_id, m.created_at, f.tsv, f.tiers
      FROM added m, public.searched_form(m.org_id, m.created_at, m.text_content) f;
    RETURN NULL;
END $$;
CREATE TRIGGER messages_searched AFTER INSERT ON messages REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_message_search();
CREATE FUNCTION keep_changed_message_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.message_search s SET tsv = f.tsv, tiers = f.tiers
      FROM added m JOIN removed o USING (org_id, id), public.searched_form(m.org_id, m.created_at, m.text_content) f
     WHERE m.text_content <> o.text_content AND s.org_id = m.org_id AND s.message_id = m.id;
    RETURN NULL;
END $$;
CREATE TRIGGER messages_searched_again AFTER UPDATE ON messages REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changed_message_search()
"""

_RATINGS = "SELECT f.org_id, f.thread_id, {sign} * (f.rating > 0)::int AS ups, {sign} * (f.rating < 0)::int AS downs FROM {rows} f"


def _count_feedback(name: str, *tallies: str) -> str:
    rows = " UNION ALL ".join(tallies)
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.threads t SET up_count = t.up_count + c.ups, down_count = t.down_count + c.downs
      FROM (SELECT d.org_id, d.thread_id, sum(d.ups) AS ups, sum(d.downs) AS downs
              FROM ({rows}) d GROUP BY d.org_id, d.thread_id ORDER BY d.thread_id) c
     WHERE t.org_id = c.org_id AND t.id = c.thread_id;
    RETURN NULL;
END $$
"""


def count_gone_feedback(name: str) -> str:
    """A trigger function that takes deleted opinions off the counters of their threads."""
    return _count_feedback(name, _RATINGS.format(sign="-1", rows="removed"))


COUNT_FEEDBACK = f"""
{_count_feedback("count_added_feedback", _RATINGS.format(sign="1", rows="added"))};
{count_gone_feedback("count_removed_feedback")};
{
    _count_feedback(
        "count_changed_feedback",
        _RATINGS.format(sign="1", rows="added"),
        _RATINGS.format(sign="-1", rows="removed"),
    )
};
CREATE TRIGGER feedback_counted AFTER INSERT ON feedback REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_feedback();
CREATE TRIGGER feedback_discounted AFTER DELETE ON feedback REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_feedback();
CREATE TRIGGER feedback_recounted AFTER UPDATE ON feedback REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_feedback()
"""

KEEP_VERSIONS = """
CREATE FUNCTION refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'created_by') <> (to_jsonb(OLD) - 'created_by') THEN
        RAISE EXCEPTION 'permission denied: a published version never changes' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_versions_kept BEFORE UPDATE ON agent_versions FOR EACH ROW EXECUTE FUNCTION refuse_version_change()
"""

# Matches of threads that the viewer may see and the filters let through, in the search functions below.
VISIBLE = """
    t.org_id = v_org AND t.deleted_at IS NULL
    AND (p_viewer IS NULL OR t.user_id = p_viewer OR t.origin IN ('api', 'import', 'schedule'))
    AND (p_agents IS NULL OR t.agent_id = ANY (p_agents)) AND (p_origins IS NULL OR t.origin = ANY (p_origins))
    AND (p_from IS NULL OR s.created_at >= p_from) AND (p_to IS NULL OR s.created_at < p_to)
"""
# A thread is looked up for each match in order, so that the look-ups end with the limit.
SEEN = (
    f"CROSS JOIN LATERAL (SELECT FROM public.threads t WHERE t.id = s.thread_id AND {VISIBLE} OFFSET 0) seen"
)
FILTERS = "p_viewer uuid, p_agents uuid[], p_origins text[], p_from timestamptz, p_to timestamptz"
FILTER_TYPES = "uuid, uuid[], text[], timestamptz, timestamptz"
FOUND = "TABLE (message_id uuid, thread_id uuid, created_at timestamptz, score real)"

SEARCHES = {
    "threads_named(text[])": f"""
        (p_terms text[]) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
        SELECT s.thread_id FROM public.thread_names s WHERE s.trigrams @> ({ORG}::text || (
            SELECT array_agg(DISTINCT g) FROM unnest(p_terms) t, unnest(public.name_trigrams(t)) g)) $$
    """,
    # The newest matches of any query, newest first, at most p_most, without those of a tier.
    f"newest_matches(tsquery, text, integer, {FILTER_TYPES})": f"""
        (p_query tsquery, p_without text, p_most integer, {FILTERS}) RETURNS {FOUND} LANGUAGE plpgsql STABLE AS $$
        DECLARE
            v_org uuid := {ORG};
            v_mark tsquery := ('''' || v_org || '''')::tsquery;
            v_week date;
            v_first date;
            v_left integer := p_most;
            v_found integer;
        BEGIN
            IF (SELECT count(*) FROM (SELECT FROM public.message_search s WHERE s.tsv @@ (v_mark && p_query)
                                       LIMIT {PROBE} + 1) few) <= {PROBE} THEN
                RETURN QUERY
                WITH found AS MATERIALIZED (
                    SELECT s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                     WHERE s.tsv @@ (v_mark && p_query))
                SELECT s.message_id, s.thread_id, s.created_at, NULL::real
                  FROM found s JOIN public.threads t ON t.id = s.thread_id
                 WHERE {VISIBLE} AND (p_without IS NULL OR NOT s.tiers @> ARRAY[p_without])
                 ORDER BY s.created_at DESC, s.message_id DESC LIMIT p_most;
                RETURN;
            END IF;
            SELECT date_trunc('week', least(max(m.created_at), p_to) AT TIME ZONE 'UTC'),
                   date_trunc('week', greatest(min(m.created_at), p_from) AT TIME ZONE 'UTC')
              INTO v_week, v_first FROM public.messages m WHERE m.org_id = v_org;
            WHILE v_week >= v_first AND v_left > 0 LOOP
                v_mark := ('''' || v_org || '/' || to_char(v_week, 'YYYY-MM-DD') || '''')::tsquery;
                RETURN QUERY
                WITH found AS MATERIALIZED (
                    SELECT s.message_id, s.thread_id, s.created_at, s.tiers FROM public.message_search s
                     WHERE s.tsv @@ (v_mark && p_query))
                SELECT s.message_id, s.thread_id, s.created_at, NULL::real
                  FROM found s JOIN public.threads t ON t.id = s.thread_id
                 WHERE {VISIBLE} AND (p_without IS NULL OR NOT s.tiers @> ARRAY[p_without])
                 ORDER BY s.created_at DESC, s.message_id DESC LIMIT v_left;
                GET DIAGNOSTICS v_found = ROW_COUNT;
                v_left := v_left - v_found;
                SELECT date_trunc('week', max(m.created_at) AT TIME ZONE 'UTC') INTO v_week FROM public.messages m
                 WHERE m.org_id = v_org AND m.created_at < v_week AT TIME ZONE 'UTC';
            END LOOP;
        END $$
    """,
    # The best matches of one lexeme, best first, at most p_most: for one word ts_rank grows with its occurrences.
    f"best_matches(text, integer, {FILTER_TYPES})": f"""
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
                    SELECT s.message_id, s.thread_id, s.created_at, s.tsv, s.tiers FROM public.message_search s
                     WHERE s.tiers @> ARRAY[v_org::text, p_lexeme || '#' || v_tier])
                SELECT s.message_id, s.thread_id, s.created_at, ts_rank(s.tsv, v_word) AS score
                  FROM found s JOIN public.threads t ON t.id = s.thread_id
                 WHERE {VISIBLE} AND (v_above IS NULL OR NOT s.tiers @> ARRAY[p_lexeme || '#' || v_above])
                 ORDER BY score DESC, s.created_at DESC, s.message_id DESC LIMIT v_left;
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
    """,
}

FUNCTIONS = (
    "refuse_version_change()",
    "count_changed_feedback()",
    "count_removed_feedback()",
    "count_added_feedback()",
    "keep_changed_message_search()",
    "keep_message_search()",
    "count_changed_messages()",
    "count_removed_messages()",
    "count_added_messages()",
    "keep_changed_thread_names()",
    "keep_thread_names()",
    "number_thread_revision()",
    "searched_form(uuid, timestamptz, text)",
    "org_week(uuid, timestamptz)",
    "word_tiers(tsvector)",
    "name_trigrams(text)",
)
"""Every function beside SEARCHES, in the order in which they can be dropped once the tables are gone."""

CREATE = (
    NAME_TRIGRAMS,
    WORD_TIERS,
    ORG_WEEK,
    SEARCHED_FORM,
    NUMBER_REVISIONS,
    KEEP_NAMES,
    COUNT_MESSAGES,
    KEEP_SEARCHED,
    COUNT_FEEDBACK,
    KEEP_VERSIONS,
)
