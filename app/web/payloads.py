"""Arguments and results of tools as people read them: a table when flat, else indented JSON, its beginning if long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Flask

SHOWN_BYTES = 8_000
MOST_ROWS = 40
LONGEST_CELL = 500
_TICKS = re.compile(r"`+")
_WORDS = {None: "–", True: "true", False: "false"}


@dataclass(frozen=True)
class Payload:
    """Either `rows` of a table or `text`; `size` is the whole in bytes, `cut` says that text is the beginning."""

    rows: Sequence[tuple[str, str]] = ()
    text: str = ""
    size: int = 0
    cut: bool = False


def payload(value: Any) -> Payload:
    """A JSON value for a page; text stays text."""
    if value is None or value in ({}, [], ""):
        return Payload()
    if rows := _rows(value):
        return Payload(rows=rows)
    text = value if isinstance(value, str) else _json(value)
    raw = text.encode("utf-8", "replace")
    shown = raw[:SHOWN_BYTES].decode("utf-8", "ignore")
    return Payload(text=shown, size=len(raw), cut=len(raw) > SHOWN_BYTES)


def host(url: str) -> str:
    """The host of an address; empty if it cannot be told."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def fenced(value: Any) -> str:
    """A JSON value, or text, as a code block of Markdown that its content cannot end."""
    text = value if isinstance(value, str) else _json(value)
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}{'' if isinstance(value, str) else 'json'}\n{text}\n{fence}"


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def _rows(value: Any) -> list[tuple[str, str]]:
    """The fields of a flat object; none for anything else."""
    if not isinstance(value, dict) or len(value) > MOST_ROWS:
        return []
    if any(isinstance(field, dict | list) or len(str(field)) > LONGEST_CELL for field in value.values()):
        return []
    return [(name, _words(field)) for name, field in value.items()]


def _words(field: str | float | None) -> str:
    return _WORDS[field] if field is None or isinstance(field, bool) else str(field)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:  # nested deeper than orjson goes, or an integer beyond its range
        return str(value)


def register(app: Flask) -> None:
    """Give templates the filters."""
    app.jinja_env.filters.update(payload=payload, host=host, fenced=fenced, one_line=one_line)
