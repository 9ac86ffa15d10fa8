"""PDF: the text of its pages."""

from pathlib import Path

import pypdfium2

from app.knowledge.readers.document import BROKEN, MOST_CHARACTERS, TOO_LONG, Document, Unreadable

MOST_PAGES = 5_000
_FULL_LINE = 0.8  # of the longest line of its page


def read(path: Path) -> Document:
    """Read a PDF; raises Unreadable for one that is locked, damaged, too long or made of pictures."""
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise Unreadable("The PDF is locked with a password. Save it without one.") from error
        raise Unreadable(BROKEN) from error
    if len(document) > MOST_PAGES:
        raise Unreadable(f"The PDF has {len(document):,} pages; {MOST_PAGES:,} are read at most.")
    pages = _pages(document)
    if not any(page.strip() for page in pages):
        raise Unreadable("No text was found in the PDF: its pages are pictures, such as scans, or empty.")
    title = document.get_metadata_dict().get("Title", "")
    return Document(title, "\n\n".join(pages))


def _pages(document: pypdfium2.PdfDocument) -> list[str]:
    pages, total = [], 0
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage().get_text_range()
            page.close()
        except pypdfium2.PdfiumError as error:
            raise Unreadable(f"Page {number + 1} of the PDF is damaged.") from error
        text = (
            text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "")
        )  # a word parted at a line's end
        total += len(text)
        if total > MOST_CHARACTERS:
            raise Unreadable(TOO_LONG)
        pages.append(_paragraphs(text.strip()))
    return pages


def _paragraphs(text: str) -> str:
    """Return the lines of a page with a blank line where a sentence ends well before the right edge."""
    lines = text.split("\n")
    edge = _FULL_LINE * max(map(len, lines))
    ended = (line.rstrip().endswith((".", "!", "?", ":", "”")) and len(line) < edge for line in lines[:-1])
    return "\n".join([*(line + "\n" * end for line, end in zip(lines, ended, strict=False)), lines[-1]])
