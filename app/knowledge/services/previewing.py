"""The passages that a source would make at other sizes: of its beginning, and nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.knowledge.chunker import Piece, split
from app.knowledge.readers.document import CSV, PLAIN
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.passages import text_of_text

MOST_CHARACTERS = 100_000
"""Characters of a source that are cut, in about a second at most."""
MOST_PASSAGES = 50
"""Passages that are shown."""


@dataclass(frozen=True)
class Preview:
    """The first passages; how many there are in the characters that were cut; whether the source goes on after them."""

    pieces: Sequence[Piece]
    count: int
    characters: int
    cut: bool


def preview(org_id: UUID, kind: str, source_id: UUID, chunking: Mapping[str, int]) -> Preview | None:
    """Cut the beginning of a file, text or page; None for one that was not read yet.

    Raises ModelMissing.
    """
    source: Any = SourcesRepo().get(org_id, kind, source_id)
    if source is None:
        return None
    text = text_of_text(source.title, source.body) if kind == "text" else source.markdown
    if not text:
        return None
    markdown = kind != "file" or source.media_type not in {PLAIN, CSV}
    beginning = text[:MOST_CHARACTERS]
    pieces = split(beginning, size=chunking["size"], overlap=chunking["overlap"], markdown=markdown)
    return Preview(pieces[:MOST_PASSAGES], len(pieces), len(beginning), len(text) > MOST_CHARACTERS)
