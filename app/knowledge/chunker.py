"""Text cut into passages where it bends by itself: headings, code blocks, paragraphs, sentences, then words.

Sizes are counted in tokens of the local embedding model, so that a passage of 254 tokens (with the marks of begin and
end 256) is embedded whole. The same text and the same settings give the same passages.
"""

from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from app.knowledge.embedders.weights import tokenizer


@dataclass(frozen=True)
class Piece:
    """A passage and where it stands: `text[start:end]` of the whole, in characters."""

    text: str
    start: int
    end: int


def split(text: str, *, size: int, overlap: int, markdown: bool) -> list[Piece]:
    """Return the passages of a text in order, each `size` tokens at most, none of them blank.

    Up to `overlap` tokens of a passage's end are repeated by the next. Raises ValueError for sizes that make no
    sense, ModelMissing without the model's tokenizer.
    """
    if size < 1 or not 0 <= overlap < size:
        raise ValueError(f"A passage of {size} tokens cannot repeat {overlap} of the one before.")
    clean = text.encode(
        "utf-8", "replace"
    ).decode()  # as long as before: a lone surrogate becomes a question mark
    return [
        Piece(text[start : start + len(piece)], start, start + len(piece))
        for start, piece in _splitter(size, overlap, markdown).chunk_indices(clean)
        if piece.strip()
    ]


@lru_cache(maxsize=16)
def _splitter(size: int, overlap: int, markdown: bool) -> MarkdownSplitter | TextSplitter:  # noqa: FBT001 - for the cache
    kind = MarkdownSplitter if markdown else TextSplitter
    return kind.from_huggingface_tokenizer(tokenizer(), size, overlap)
