"""HTML to Markdown: headings, lists, tables and code keep their shape; pictures and addresses go."""

import re

from markdownify import MarkdownConverter

_BLANK_LINES = re.compile(r"\n{3,}")


def to_markdown(html: str) -> str:
    """Return HTML as Markdown. The HTML must be free of scripts; RecursionError if it is nested too deeply."""
    made = MarkdownConverter(
        heading_style="ATX", bullets="-", strip=["a", "img"], escape_underscores=False, escape_asterisks=False,
        escape_misc=False, table_infer_header=True,
    ).convert(html)  # fmt: skip
    return _BLANK_LINES.sub("\n\n", made).strip()


def table(rows: tuple[tuple[str, ...], ...]) -> str:
    """Return rows as a table of Markdown, the first one as its head; empty without rows."""
    width = max((len(row) for row in rows), default=0)
    lines = [
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in _padded(row, width)) + " |"
        for row in rows
    ]
    return "\n".join([*lines[:1], "|" + " --- |" * width, *lines[1:]]) if lines and width else ""


def _padded(row: tuple[str, ...], width: int) -> tuple[str, ...]:
    return row + ("",) * (width - len(row))
