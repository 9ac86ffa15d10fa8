"""The search in messages, against ranking by text at query time.

The original's index on an expression is not built: its matches come from ours, which costs it less than its own.
"""

from typing import Any

from app.threads.repo.search import Found, SearchRepo
from bench.place import Place
from bench.report import line, shown, table, times
from bench.rounds import race

CELLS = {
    "one common word": "invoice",
    "one word of the middle": None,
    "one rare word": None,
    "two common words": "customer invoice",
    "common and rare word": None,
    "phrase of two common words": '"customer invoice"',
    "word without another": "refund -invoice",
}
ORIGINAL = """
    SELECT m.id, ts_rank(to_tsvector('english', m.text_content), q) AS score
      FROM websearch_to_tsquery('english', %s) q, message_search s
      JOIN messages m ON m.id = s.message_id JOIN threads t ON t.id = m.thread_id
     WHERE s.tsv @@ q AND t.org_id = %s AND t.deleted_at IS NULL
     ORDER BY score DESC, m.created_at DESC, m.id DESC LIMIT 20
"""
EXACT = """
    SELECT ts_rank(s.tsv, q) AS score FROM websearch_to_tsquery('english', %s) q, message_search s
      JOIN threads t ON t.id = s.thread_id
     WHERE s.tsv @@ q AND s.org_id = %s AND t.deleted_at IS NULL
       AND s.created_at >= coalesce(%s, '-infinity'::timestamptz)
     ORDER BY score DESC LIMIT 20
"""
WORDS = """
    SELECT word, ndoc FROM ts_stat($$ SELECT tsv FROM message_search LIMIT 20000 $$)
     WHERE word ~ '^[a-z]{5,}$' ORDER BY ndoc DESC, word
"""


def cells(place: Place) -> dict[str, str]:
    """What is searched for: words of the data, chosen by how often they occur."""
    words = [word for word, _ in place.original.execute(WORDS).fetchall()]
    middle, rare = words[len(words) // 8], words[-5]
    chosen = {
        "one word of the middle": middle,
        "one rare word": rare,
        "common and rare word": f"invoice {rare}",
    }
    return {name: query or chosen[name] for name, query in CELLS.items()}


def measure(place: Place) -> None:
    """Each kind of query: time of the product's search page statement, of its limit, and of the original form."""
    table(
        "message search, largest organisation", "matches", "original ms", "ours ms", "gain", "over its limit"
    )
    for name, query in cells(place).items():
        _measure(place, name, query)


def _measure(place: Place, name: str, query: str) -> None:
    def search() -> Any:
        return SearchRepo().page(place.org_id, place.viewer, place.state(query))

    ours = place.product(search)
    found = ours()
    exact = [row[0] for row in place.asked(EXACT, query, place.org_id, found.since)()]
    if not found.cut:
        assert [hit.score for hit in found.page.rows] == exact, (name, query)
    matches = place.asked(
        "SELECT count(*) FROM message_search WHERE org_id = %s AND tsv @@ websearch_to_tsquery('english', %s)",
        place.org_id,
        query,
    )()[0][0]
    best = race(
        {
            "ours": ours,
            "limit": place.limit(place.recorded(ours)),
            "original": place.asked(ORIGINAL, query, place.org_id),
        },
        place.ping,
    )
    ours_ms, original = best["ours"].ms, best["original"].ms
    line(
        name + _partly(found),
        f"{matches:,}",
        shown(original),
        shown(ours_ms),
        times(original / ours_ms),
        times(ours_ms / best["limit"].ms),
    )


def _partly(found: Found) -> str:
    if found.since:
        return f" (since {found.since:%Y-%m-%d})"
    return f" (newest {found.cut:,} ranked)" if found.cut else ""
