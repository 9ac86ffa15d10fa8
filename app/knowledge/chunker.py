"""Text cut into passages where it bends by itself: headings, code blocks, paragraphs, sentences, then words.

Sizes are counted in tokens of the local embedding model, so that a passage of 254 tokens (with the marks of begin and
end 256) is embedded whole. The same text and the same settings give the same passages.

The splitter's time grows with the square of what it cannot part, such as a line of a megabyte. So it is given sections
of 20,000 characters at most, parted between paragraphs where there are any: 5 to 12 s for a million characters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from app.knowledge.embedders.weights import tokenizer

SECTION = 20_000
LONGEST_TOKEN = 20  # characters a token may take on average, before a passage is cut by its length
_FENCE = "```"


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
    splitter = _splitter(size, overlap, markdown)
    return [
        Piece(text[start:end], start, end)
        for section, after in _sections(clean)
        for at, piece in splitter.chunk_indices(clean[section:after])
        for start, end in _bounded(section + at, section + at + len(piece), size * LONGEST_TOKEN)
        if clean[start:end].strip()
    ]


def _sections(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each section; a block of code is parted only if it fills half a section."""
    start = 0
    while len(text) - start > SECTION:
        end = _bend(text, start)
        yield start, end
        start = end
    yield start, len(text)


def _bend(text: str, start: int) -> int:
    """Return the best place to end a section: after a paragraph outside code, else after a line or a word."""
    least, most = start + SECTION // 2, start + SECTION
    at = most
    while (at := text.rfind("\n\n", least, at)) >= 0:
        if text.count(_FENCE, start, at) % 2 == 0:
            return at + 2
    for sign in ("\n", " "):
        if (at := text.rfind(sign, least, most)) >= 0:
            return at + 1
    return most


def _bounded(start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield a passage in parts of `most` characters: a word of any length is a single token if it is unknown."""
    for at in range(start, end, most):
        yield at, min(at + most, end)


@lru_cache(maxsize=16)
def _splitter(size: int, overlap: int, markdown: bool) -> MarkdownSplitter | TextSplitter:  # noqa: FBT001 - for the cache
    kind = MarkdownSplitter if markdown else TextSplitter
    return kind.from_huggingface_tokenizer(tokenizer(), size, overlap)
