"""The search in messages: ranked passages, with bounded work on common words.

One word is ranked by how often it occurs (`best_matches`, exact). Several words are ranked among the newest MOST_RANKED
messages that match (`newest_matches`). No index knows where in a message its words stand, so each message that holds
those of a phrase is read: where these are many, as far back as it takes to find ENOUGH_OF_PHRASES.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.cursor import Page, Position
from app.db.terms import websearch
from app.threads.models import ORIGINS
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

MOST_RANKED = 5_000
MOST_OF_PHRASES = 2_000
ENOUGH_OF_PHRASES = 100
MOST_SHOWN = 500
"""Ranked messages that can be paged through; beyond them more words help more than more pages."""
PASSAGE_SOURCE = 50_000
SHORT = 300
"""Characters up to which a message is its own passage."""
_START, _STOP = "\x01", "\x02"
_MARKS = re.compile(f"{_START}(.*?){_STOP}", re.DOTALL)
_WHOLE = f"StartSel={_START}, StopSel={_STOP}, HighlightAll=true"
_HEADLINE = (
    f"StartSel={_START}, StopSel={_STOP}, MaxFragments=2, MaxWords=30, MinWords=12, FragmentDelimiter=' … '"
)

_PARSE = text("""
    SELECT q.query::text AS query, numnode(q.query) AS nodes, querytree(q.query) AS tree,
           q.query::text ~ '<(-|[0-9]+)>' AS phrase
      FROM (SELECT websearch_to_tsquery('english', :words) AS query) q
""")
_BEST = "SELECT f.* FROM best_matches(:lexeme, :most, :viewer, :agents, :origins, :start, :end) f"
_NEWEST = """
    SELECT f.message_id, f.thread_id, f.created_at, ts_rank(s.tsv, CAST(:query AS tsquery)) AS score
      FROM newest_matches(CAST(:query AS tsquery), NULL, :most,
                          :viewer, :agents, :origins, :start, :end, :enough) f
      LEFT JOIN message_search s ON s.org_id = :org AND s.message_id = f.message_id
"""
_SEARCH = """
    WITH hits AS MATERIALIZED ({hits}),
         told AS (SELECT count(message_id) AS ranked, max(created_at) FILTER (WHERE message_id IS NULL) AS since
                    FROM hits),
         shown AS MATERIALIZED (
            SELECT h.*, t.name AS thread_name, t.agent_id
              FROM hits h JOIN threads t ON t.org_id = :org AND t.id = h.thread_id
             WHERE :but IS NULL OR t.agent_id IS NULL OR t.agent_id <> ALL (:but)
             ORDER BY h.score DESC, h.created_at DESC, h.message_id DESC LIMIT :limit OFFSET :skipped)
    SELECT s.message_id, s.thread_id, s.created_at, s.score, s.thread_name, a.name AS agent_name, m.role,
           told.ranked, told.since,
           ts_headline('english', left(m.text_content, :source), CAST(:query AS tsquery),
                       CASE WHEN length(m.text_content) <= :short THEN :whole ELSE :headline END) AS passage
      FROM told LEFT JOIN (shown s JOIN messages m ON m.org_id = :org AND m.id = s.message_id
      LEFT JOIN agents a ON a.org_id = :org AND a.id = s.agent_id) ON true
     ORDER BY s.score DESC, s.created_at DESC, s.message_id DESC
"""


_SHOWN = {"source": PASSAGE_SOURCE, "headline": _HEADLINE, "whole": _WHOLE, "short": SHORT}


def _typed(hits: str) -> Any:
    return text(_SEARCH.format(hits=hits)).bindparams(
        bindparam("org", type_=Uuid),
        bindparam("viewer", type_=Uuid),
        bindparam("agents", type_=ARRAY(Uuid)),
        bindparam("but", type_=ARRAY(Uuid)),
        bindparam("origins", type_=ARRAY(Text)),
        bindparam("start", type_=TIMESTAMP(timezone=True)),
        bindparam("end", type_=TIMESTAMP(timezone=True)),
    )


_STATEMENTS = {"best": _typed(_BEST), "newest": _typed(_NEWEST)}


@dataclass(frozen=True)
class Hit:
    """A message that was found. `passage` is its text around the words: pieces, and whether each is one of them."""

    id: UUID
    thread_id: UUID
    thread_name: str
    agent_name: str | None
    role: str
    created_at: datetime
    score: float
    passage: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class Found:
    """A page of hits. `unusable` says why nothing was searched.

    `cut` is how many were ranked where more match: the `newest`, else those that say the word most often. `since` is
    the moment from which on messages were looked through, where older ones were not.
    """

    page: Page[Hit]
    cut: int | None = None
    newest: bool = True
    since: datetime | None = None
    unusable: str | None = None

    @property
    def partly(self) -> bool:
        """Whether more match than were ranked."""
        return self.cut is not None or self.since is not None


@dataclass(frozen=True)
class _Query:
    text: str
    nodes: int
    tree: str
    phrase: bool

    @property
    def bound(self) -> int:
        """How many matches are ranked at most, where the index cannot tell the best by itself."""
        return MOST_OF_PHRASES if self.phrase else MOST_RANKED

    @property
    def lexeme(self) -> str | None:
        """The one word of the query, as the database writes it; None for any other query."""
        if self.nodes != 1:
            return None
        return self.text[1:-1].replace("''", "'").replace("\\\\", "\\")


class SearchRepo:
    """Messages of one organisation by their words."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, viewer: Viewer, state: ListState) -> Found:
        """The best matches of `state.q`: words, "phrases" and -exclusions. Two statements.

        What is not looked through begins with whole days, by which people go on: where only a part of the last day was
        looked through, a third statement goes on before it.
        """
        parsed = self._session.execute(_PARSE, {"words": websearch(state.q)}).one()
        query = _Query(*parsed)
        if query.nodes == 0:
            return Found(_EMPTY, unusable="common")
        if query.tree in {"T", ""}:
            return Found(_EMPTY, unusable="excluding")
        skipped, limit = _skipped(state), state.per
        values, newest = _values(org_id, viewer, state), query.lexeme is None
        bound = query.bound if newest or values["but"] else None
        given = {
            **values,
            "query": query.text,
            "lexeme": query.lexeme,
            "most": bound or skipped + limit + 1,
            "enough": ENOUGH_OF_PHRASES if query.phrase and not values["but"] else None,
            "limit": limit + 1,
            "skipped": skipped,
        }
        rows = self._read(given, newest=newest)
        if _within_last_day(rows[0].since, values["end"]):
            rows = self._read({**given, "enough": rows[0].ranked + 1}, newest=newest)
        ranked, since = rows[0].ranked, rows[0].since
        hits = [_hit(row) for row in rows if row.message_id is not None]
        return Found(_page(hits, skipped, limit), bound if bound and ranked >= bound else None, newest, since)

    def _read(self, given: Mapping[str, Any], *, newest: bool) -> Sequence[Row[Any]]:
        """The hits of a page, each beside how many were ranked and since when; these alone if there is none."""
        return self._session.execute(_STATEMENTS["newest" if newest else "best"], {**given, **_SHOWN}).all()


def _within_last_day(since: datetime | None, end: datetime | None) -> bool:
    """Whether messages were looked through from a moment on that lies in the last day asked for."""
    return since is not None and end is not None and since > end - timedelta(days=1)


_EMPTY: Page[Hit] = Page([], 0, 0, capped=False, previous=None, next=None)


def _skipped(state: ListState) -> int:
    """How many hits come before the page: ranked pages go on by number, which the signed position holds."""
    position = state.request.position
    return min(position.value, MOST_SHOWN) if position and isinstance(position.value, int) else 0


def _page(found: Sequence[Hit], skipped: int, limit: int) -> Page[Hit]:
    hits, more = found[:limit], len(found) > limit and skipped + limit < MOST_SHOWN
    start = Position(max(skipped - limit, 0), hits[0].id, None) if hits and skipped else None
    following = Position(skipped + limit, hits[-1].id, None) if more else None
    return Page(
        rows=hits,
        first=skipped + 1 if hits else 0,
        total=skipped + len(hits),
        capped=len(found) > limit,
        previous=start and replace(start, backward=True),
        next=following,
    )


def _values(org_id: UUID, viewer: Viewer, state: ListState) -> dict[str, Any]:
    """The filters as the functions take them."""
    span = state.spans.get("at")
    barred = state.excluded.get("origin", ())
    origins = [origin for origin in state.chosen.get("origin", ORIGINS) if origin not in barred]
    return {
        "org": org_id,
        "viewer": None if viewer.sees_all else viewer.user_id,
        "agents": [UUID(agent) for agent in state.chosen.get("agent", ())] or None,
        "but": [UUID(agent) for agent in state.excluded.get("agent", ())] or None,
        "origins": None if len(origins) == len(ORIGINS) else origins,
        "start": span and span.start,
        "end": span and span.end,
    }


def _hit(row: Any) -> Hit:
    return Hit(
        id=row.message_id,
        thread_id=row.thread_id,
        thread_name=row.thread_name,
        agent_name=row.agent_name,
        role=row.role,
        created_at=row.created_at,
        score=row.score,
        passage=pieces(row.passage),
    )


def pieces(passage: str) -> tuple[tuple[str, bool], ...]:
    """The passage cut at its marks: text and whether it was marked."""
    found = [(piece, index % 2 == 1) for index, piece in enumerate(_MARKS.split(passage))]
    return tuple((piece, marked) for piece, marked in found if piece)
