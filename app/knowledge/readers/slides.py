"""PPTX: each slide under its title, with its tables and notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pptx

from app.knowledge.readers import archive
from app.knowledge.readers.document import Document
from app.knowledge.readers.markup import table

MOST_DEPTH = 20


def read(path: Path) -> Document:
    """Read a presentation."""
    archive.check(path, "ppt/presentation.xml")
    presentation = pptx.Presentation(str(path))
    slides = [_slide(number, slide) for number, slide in enumerate(presentation.slides, 1)]
    found = next((slide.title for slide in slides if slide.title), "")
    text = "\n\n".join(slide.text for slide in slides if slide.text)
    return Document(found or archive.title(path), text)  # programs state a title nobody wrote


def _slide(number: int, slide: Any) -> Document:
    """Return one slide: its title, and all it says; both empty for one without words."""
    heading = slide.shapes.title
    title = " ".join(heading.text_frame.text.split()) if heading is not None else ""
    others = [shape for shape in slide.shapes if heading is None or shape.shape_id != heading.shape_id]
    parts = list(_parts(others))
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        parts.append(notes.text.strip())
    parts = [part for part in parts if part]
    if not parts and not title:
        return Document("", "")
    return Document(title, "\n\n".join([f"## {title or f'Slide {number}'}", *parts]))


def _parts(shapes: Iterable[Any], depth: int = 0) -> Iterator[str]:
    """Yield the text of each shape; groups are followed."""
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < MOST_DEPTH:
            yield from _parts(shape.shapes, depth + 1)
        elif getattr(shape, "has_table", False):
            yield table(tuple(tuple(cell.text for cell in row.cells) for row in shape.table.rows))
        elif shape.has_text_frame:
            yield _paragraphs(shape.text_frame)


def _paragraphs(frame: Any) -> str:
    """Return the paragraphs of a frame; several make a list."""
    lines = [(paragraph.level, paragraph.text.replace("\v", " ").strip()) for paragraph in frame.paragraphs]
    lines = [(level, line) for level, line in lines if line]
    if len(lines) < 2:
        return "".join(line for _, line in lines)
    return "\n".join(f"{'  ' * level}- {line}" for level, line in lines)
