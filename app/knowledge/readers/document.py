"""What a reader makes of a file."""

from dataclasses import dataclass

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
MARKDOWN = "text/markdown"
HTML = "text/html"
PLAIN = "text/plain"

READERS = {  # module of this package and its function
    PDF: "pdf:read",
    DOCX: "docx:read",
    PPTX: "slides:read",
    XLSX: "sheets:read",
    CSV: "sheets:read_csv",
    HTML: "pages:read",
    MARKDOWN: "text:read_markdown",
    PLAIN: "text:read",
}

MOST_CHARACTERS = 10_000_000
MOST_CELLS = 1_000_000
TOO_LONG = (
    f"The file is too large: it holds more than {MOST_CHARACTERS // 1_000_000} million characters of text."
)
TOO_MANY_CELLS = f"The table is too large: it holds more than {MOST_CELLS // 1_000_000} million cells."
NO_TEXT = "No text was found in the file."
BROKEN = "The file is damaged: it could not be read."


class Unreadable(Exception):
    """A file that cannot be read; the message is a sentence for the person who brought it."""


@dataclass(frozen=True)
class Table:
    """Rows of cells as text, as they stand in the file; nothing says whether the first row is a head."""

    name: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Document:
    """A file's title (empty if it says none), its whole text as Markdown, and its tables if it is made of them."""

    title: str
    text: str
    tables: tuple[Table, ...] = ()
