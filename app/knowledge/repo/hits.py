"""Passages by their words, and what is shown of passages that were found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.terms import websearch
from app.knowledge.repo.scope import Scope

SHOWN = 11
_START, _STOP = "\x01", "\x02"
_MARKS = re.compile(f"{_START}(.*?){_STOP}", re.DOTALL)
_WHOLE = f"StartSel={_START}, StopSel={_STOP}, HighlightAll=true"
_PARSE = text("""
    SELECT websearch_to_tsquery('english', :words)::text AS query,
           tsvector_to_array(to_tsvector('english', :words)) AS lexemes,
           querytree(websearch_to_tsquery('english', :words)) AS tree
""")
_MATCHES = text(
    "SELECT chunk_id, score, coverage"
    "  FROM knowledge_matches(CAST(:query AS tsquery), :lexemes, :bases, :sources, :kinds,"
    "                         CAST(:generation AS integer), :most)"
).bindparams(
    bindparam("lexemes", type_=ARRAY(Text)),
    bindparam("bases", type_=ARRAY(Uuid)),
    bindparam("sources", type_=ARRAY(Uuid)),
    bindparam("kinds", type_=ARRAY(Text)),
)
_SHOWN = text("""
    SELECT c.id, c.knowledge_base_id, b.name AS base_name,
           CASE WHEN c.file_id IS NOT NULL THEN 'file' WHEN c.freeform_text_id IS NOT NULL THEN 'text'
                WHEN c.table_id IS NOT NULL THEN 'table' ELSE 'page' END AS kind,
           coalesce(c.file_id, c.freeform_text_id, c.table_id, c.web_page_id) AS source_id,
           coalesce(f.name, t.title, s.name, p.title, p.url, '') AS source_name, p.url AS source_url,
           c.position, c.text, c.start_offset, c.end_offset,
           CASE WHEN :query = '' THEN c.text
                ELSE ts_headline('english', c.text, CAST(:query AS tsquery), :whole) END AS marked
      FROM knowledge_base_chunks c
      JOIN knowledge_bases b ON b.org_id = :org AND b.id = c.knowledge_base_id
      LEFT JOIN knowledge_base_files f ON f.org_id = :org AND f.id = c.file_id
      LEFT JOIN knowledge_base_freeform_texts t ON t.org_id = :org AND t.id = c.freeform_text_id
      LEFT JOIN knowledge_base_tables s ON s.org_id = :org AND s.id = c.table_id
      LEFT JOIN knowledge_base_web_pages p ON p.org_id = :org AND p.id = c.web_page_id
     WHERE c.org_id = :org AND c.id = ANY (:ids)
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)), bindparam("org", type_=Uuid), bindparam("query", type_=Text)
)


@dataclass(frozen=True)
class Words:
    """What is searched for by words: the query and its lexemes as the database writes them; no lexemes, no search."""

    query: str
    lexemes: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """A passage and where it stands, on the web too if it is of a page.

    `pieces` are its text in parts, and whether each is a word searched for.
    """

    id: UUID
    base_id: UUID
    base_name: str
    kind: str
    source_id: UUID
    source_name: str
    source_url: str | None
    position: int
    text: str
    start_offset: int
    end_offset: int
    pieces: tuple[tuple[str, bool], ...]


class HitsRepo:
    """Passages of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def words(self, words: str, *, exact: bool) -> Words:
        """Read what is searched for: any of the words, or `exact`ly what quotes, `or` and minus signs ask for."""
        row = self._session.execute(_PARSE, {"words": websearch(words)}).one()
        lexemes = list(row.lexemes) if row.tree not in {"T", ""} else []
        query = row.query if exact else " | ".join(_quoted(lexeme) for lexeme in lexemes)
        return Words(query if lexemes else "", lexemes)

    def matching(self, words: Words, scope: Scope, most: int) -> list[tuple[UUID, float, float]]:
        """Passages of the transaction's organisation that searches find now by their words, the best first.

        Each with its score, and the share of the weight of all words that it covers: rare words weigh more.
        """
        if not words.lexemes:
            return []
        values = {
            "query": words.query,
            "lexemes": list(words.lexemes),
            **scope.values(),
            "most": most,
        }
        return [
            (row.chunk_id, row.score or 0.0, row.coverage or 0.0)
            for row in self._session.execute(_MATCHES, values)
        ]

    def shown(self, org_id: UUID, ids: Sequence[UUID], words: Words) -> dict[UUID, Shown]:
        """What is shown of passages, by their ids."""
        values = {"org": org_id, "ids": list(ids), "query": words.query, "whole": _WHOLE}
        return {row.id: _shown(row) for row in self._session.execute(_SHOWN, values)}


def _shown(row: Row[Any]) -> Shown:
    values: tuple[Any, ...] = (*row[:SHOWN], _pieces(row.marked))
    return Shown(*values)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _pieces(marked: str) -> tuple[tuple[str, bool], ...]:
    found = [(piece, index % 2 == 1) for index, piece in enumerate(_MARKS.split(marked))]
    return tuple((piece, is_word) for piece, is_word in found if piece)
