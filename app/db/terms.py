"""Search text to checked terms: trimmed, bounded, quoted phrases kept whole."""

import re
import unicodedata

MAX_LENGTH = 200
MAX_TERMS = 12
_MINUSES = re.compile(r"(?<!\w)(?:-[\s!&|()]*){2,}")
_TERM = re.compile(r'"([^"]+)"|(\S+)')


def clean(text: str) -> str:
    """The text as searched: NFC, control characters as spaces, at most 200 characters."""
    spaced = "".join(" " if unicodedata.category(char) in {"Cc", "Cs"} else char for char in text)
    return " ".join(unicodedata.normalize("NFC", spaced).split())[:MAX_LENGTH]


def terms(text: str) -> tuple[str, ...]:
    """Words and quoted phrases, all of which must match; at most twelve. Quotes around nothing are meant literally."""
    cleaned = clean(text)
    found = (phrase or word for phrase, word in _TERM.findall(cleaned))
    known = tuple(term for term in (term.strip(' "') for term in found) if term)[:MAX_TERMS]
    return known or ((cleaned,) if cleaned else ())


def contains(term: str) -> str:
    """The LIKE pattern for `term` as a literal substring; the escape character is a backslash."""
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def websearch(text: str) -> str:
    """The text for PostgreSQL's `websearch_to_tsquery`, with the same meaning.

    It fails on 33 minus signs with nothing between them but spaces and what it skips ("tsquery stack too small"):
    each negates the next. An even number of them says nothing, an odd one what a single one says.
    """
    return _MINUSES.sub(lambda run: "-" if run[0].count("-") % 2 else " ", text)
