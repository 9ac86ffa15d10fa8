"""What a file is, by its content; its name decides only between kinds of text, and must not say something else."""

import re
from pathlib import PurePath

from app.knowledge.readers.document import (
    CSV,
    DOCX,
    HTML,
    MARKDOWN,
    PDF,
    PLAIN,
    PPTX,
    XLSX,
    Unreadable,
)
from app.knowledge.readers.text import looks_like_text

HEAD_BYTES = 65_536  # as much of a file as `detect` wants to see

_ENDINGS = {
    ".pdf": PDF, ".docx": DOCX, ".pptx": PPTX, ".xlsx": XLSX,
    ".csv": CSV, ".tsv": CSV, ".md": MARKDOWN, ".markdown": MARKDOWN,
    ".html": HTML, ".htm": HTML, ".xhtml": HTML, ".txt": PLAIN, ".text": PLAIN, ".log": PLAIN,
}  # fmt: skip
_LABELS = {
    PDF: "a PDF", DOCX: "a Word document", PPTX: "a presentation", XLSX: "a workbook",
    CSV: "text", MARKDOWN: "text", HTML: "HTML", PLAIN: "text",
}  # fmt: skip
_TEXTS = {CSV, MARKDOWN, HTML, PLAIN}
_FOLDERS = {"word/": DOCX, "ppt/": PPTX, "xl/": XLSX}
_ENTRY = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_LOCKED = "The file is locked with a password or of an old Office format. Save it as DOCX, PPTX or XLSX without one."
_RTF = "RTF cannot be read. Save the file as DOCX or PDF."
_PACKED = "A packed file cannot be read. Unpack it first."
_PICTURE = "A picture cannot be read. Only text can be searched."
_REFUSED = {
    b"\xd0\xcf\x11\xe0": _LOCKED,
    b"{\\rtf": _RTF,
    b"\x1f\x8b": _PACKED,
    b"7z\xbc\xaf": _PACKED,
    b"Rar!": _PACKED,
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
}
_KNOWN = "PDF, DOCX, PPTX, XLSX, CSV, Markdown, HTML and text can"
# What may come before the first element; the groups are atomic, so that no file takes long to be refused.
_BEFORE = rb"(?is)\s*+(?>(?><\?xml[^>]*+>|<!--.*?-->|<!doctype\s+svg[^>]*+>)\s*+)*+"
_MARKUP = re.compile(_BEFORE + rb"<(!doctype\s+html|html|head|body)[\s>]")
_SVG = re.compile(_BEFORE + rb"<svg[\s>]")


def detect(head: bytes, name: str) -> str:
    """Return the media type of a file by its first HEAD_BYTES (fewer only if it is shorter) and its name.

    Raises Unreadable for an empty file, one of an unknown kind, and one that is not what its name says.
    """
    if not head:
        raise Unreadable("The file is empty.")
    named = _ENDINGS.get(PurePath(name).suffix.lower())
    found = _binary(head, named) or _text(head, named)
    if named and found != named and not {found, named} <= _TEXTS:
        ending = PurePath(name).suffix.lower()
        raise Unreadable(f"The name ends in {ending}, but the file is {_LABELS[found]}.")
    return found


def _binary(head: bytes, named: str | None) -> str | None:
    """Return the media type of what is no text; None for what may be one."""
    for start, reason in _REFUSED.items():
        if head.startswith(start):
            raise Unreadable(reason)
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _office(head, named)
    return None


def _office(head: bytes, named: str | None) -> str:
    """Return the kind of an Office file by the names of the first files in the archive."""
    names = []
    for entry in _ENTRY.finditer(head):
        length = int.from_bytes(entry[1], "little")
        names.append(head[entry.end() : entry.end() + length].decode("ascii", "replace"))
    for folder, media_type in _FOLDERS.items():
        if any(name.startswith(folder) for name in names):
            return media_type
    if "[Content_Types].xml" in names and named in _FOLDERS.values() and len(head) >= HEAD_BYTES:
        return str(named)  # the reader looks into the whole archive
    raise Unreadable("A ZIP archive cannot be read. Bring the files in it one by one.")


def _text(head: bytes, named: str | None) -> str:
    if not looks_like_text(head):
        raise Unreadable(f"A file of this kind cannot be read. {_KNOWN}.")
    plain = head.removeprefix(b"\xef\xbb\xbf")
    if _SVG.match(plain):
        raise Unreadable(_PICTURE)
    if named in {CSV, MARKDOWN, PLAIN, HTML}:
        return str(named)
    return HTML if _MARKUP.match(plain) else PLAIN
