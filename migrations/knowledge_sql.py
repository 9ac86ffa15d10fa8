"""The SQL of revision 0011: the searched form of passages, and the search in it.

The search runs as `agentpress_definer`, because under a policy `@@` cannot use an index; the organisation is the
transaction's, never an argument. The index condition stands alone in a materialised part, so that no generic plan
intersects it with everything of the organisation.
"""

from migrations.threads_sql import ORG

READ_BY_SEARCHES = ("knowledge_bases", "knowledge_base_chunks", "knowledge_base_chunk_search")

KEEP_SEARCHED = """
CREATE FUNCTION keep_chunk_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.knowledge_base_chunk_search (org_id, chunk_id, tsv)
    SELECT c.org_id, c.id, to_tsvector('english', left(c.text, 100000))
                           || array_to_tsvector(ARRAY[c.org_id::text, c.knowledge_base_id::text])
      FROM added c;
    RETURN NULL;
END $$;
CREATE TRIGGER knowledge_base_chunks_searched AFTER INSERT ON knowledge_base_chunks REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_chunk_search()
"""

SEARCHES = {
    # The passages of these bases that searches find now and that match, best first, at most p_most. Each word counts
    # by ts_rank, and the more the fewer of the matches have it.
    "knowledge_matches(tsquery, text[], uuid[], uuid[], integer)": f"""
        (p_query tsquery, p_words text[], p_bases uuid[], p_sources uuid[], p_most integer)
        RETURNS TABLE (chunk_id uuid, score double precision) LANGUAGE sql STABLE AS $$
        WITH scope AS (
            SELECT (SELECT string_agg('''' || base || '''', '|') FROM unnest(p_bases) base)::tsquery
                   && ('''' || {ORG} || '''')::tsquery && p_query AS query),
        found AS MATERIALIZED (
            SELECT s.chunk_id, s.tsv FROM public.knowledge_base_chunk_search s
             WHERE s.tsv @@ (SELECT query FROM scope)),
        shown AS MATERIALIZED (
            SELECT f.chunk_id, f.tsv FROM found f
              JOIN public.knowledge_base_chunks c ON c.org_id = {ORG} AND c.id = f.chunk_id
              JOIN public.knowledge_bases b ON b.org_id = {ORG} AND b.id = c.knowledge_base_id
             WHERE c.enabled AND c.source_enabled AND NOT b.archived AND b.id = ANY (p_bases)
               AND c.first_generation <= b.live_generation
               AND (c.last_generation IS NULL OR c.last_generation >= b.live_generation)
               AND (p_sources IS NULL OR coalesce(c.file_id, c.freeform_text_id, c.table_id, c.web_page_id)
                                         = ANY (p_sources))),
        words AS MATERIALIZED (
            SELECT w.word, ('''' || replace(replace(w.word, '\\', '\\\\'), '''', '''''') || '''')::tsquery AS query
              FROM unnest(p_words) w(word)),
        weighed AS MATERIALIZED (
            SELECT w.query, ln(1 + (greatest(a.total - n.matching, 0) + 0.5) / (n.matching + 0.5)) AS weight
              FROM words w
             CROSS JOIN (SELECT sum(b.chunk_count)::float AS total FROM public.knowledge_bases b
                          WHERE b.org_id = {ORG} AND b.id = ANY (p_bases)) a
             CROSS JOIN LATERAL (SELECT count(*)::float AS matching FROM shown s WHERE s.tsv @@ w.query) n)
        SELECT s.chunk_id,
               (SELECT sum(w.weight * ts_rank(s.tsv, w.query, 1)) FROM weighed w)::double precision AS score
          FROM shown s ORDER BY score DESC NULLS LAST, s.chunk_id LIMIT p_most $$
    """,
}

# The same with a third column: what share of the weight of all words those in the passage have, 0 to 1 (revision 0015).
COVERING = {
    signature: definition.replace(
        "TABLE (chunk_id uuid, score double precision)",
        "TABLE (chunk_id uuid, score double precision, coverage double precision)",
    ).replace(
        "AS score\n",
        """AS score,
               (SELECT sum(w.weight) FILTER (WHERE s.tsv @@ w.query) / sum(w.weight) FROM weighed w) AS coverage
""",
    )
    for signature, definition in SEARCHES.items()
}

# Beside COVERING (revision 0020): only sources of some kinds, and another generation than the live one.
KIND = """CASE WHEN c.file_id IS NOT NULL THEN 'file' WHEN c.freeform_text_id IS NOT NULL THEN 'text'
                    WHEN c.table_id IS NOT NULL THEN 'table' ELSE 'page' END"""
(_covering,) = COVERING.values()
SCOPED = {
    "knowledge_matches(tsquery, text[], uuid[], uuid[], text[], integer, integer)": _covering.replace(
        "p_sources uuid[], p_most integer",
        "p_sources uuid[], p_kinds text[], p_generation integer, p_most integer",
    )
    .replace("b.live_generation", "coalesce(p_generation, b.live_generation)")
    .replace(
        "AND (p_sources IS NULL", f"AND (p_kinds IS NULL OR {KIND} = ANY (p_kinds)) AND (p_sources IS NULL"
    )
}
