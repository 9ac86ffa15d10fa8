"""DOCX: text with headings, lists, tables and code; without pictures."""

from pathlib import Path
from typing import Any

import mammoth

from app.knowledge.readers import archive
from app.knowledge.readers.document import Document
from app.knowledge.readers.markup import to_markdown
from app.knowledge.readers.text import first_heading

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Code'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Plain Text'] => p:fresh
"""


def read(path: Path) -> Document:
    """Read a Word document."""
    archive.check(path, "word/document.xml")
    with path.open("rb") as file:
        html = mammoth.convert_to_html(
            file, style_map=_STYLES, convert_image=mammoth.images.img_element(_no_picture)
        ).value
    text = to_markdown(html)
    return Document(archive.title(path) or first_heading(text), text)


def _no_picture(_: Any) -> dict[str, str]:
    return {"src": ""}
