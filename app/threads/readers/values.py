"""What entries of an export hold, checked: texts, moments, counts, and the parts they become."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.threads.parts import NAME_LENGTH, URL_LENGTH
from app.threads.readers.items import HOLDS_NUL, TOO_DEEP, Unreadable

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
DEEPEST = 64
MOST_COUNT = 2_147_483_647
_MILLISECONDS = 1e11  # as seconds this is the year 5138

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
RawPart = dict[str, Any]


def fields(value: Any) -> Mapping[str, Any]:
    """An object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """A list; an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text; an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def line(value: Any, longest: int = NAME_LENGTH) -> str | None:
    """A text on one line, cut to `longest`; None if nothing is left."""
    return _SPACE.sub(" ", text(value)[: 4 * longest]).strip()[:longest] or None


def identity(value: Any, what: str) -> str:
    """The id of a thread or message. Unreadable if there is none or it is too long."""
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)
    if not found:
        raise Unreadable(f"It has no {what}.")
    if len(found) > NAME_LENGTH:
        raise Unreadable(f"Its {what} is longer than {NAME_LENGTH} characters.")
    return found


def count(value: Any) -> int | None:
    """A number of tokens or the like; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_COUNT:
        return None
    return int(value)


def milliseconds(seconds: Any) -> int | None:
    """A duration given in seconds."""
    return count(seconds * 1000) if isinstance(seconds, int | float) else None


def moment(value: Any, what: str) -> datetime | None:
    """A time given as seconds or milliseconds since 1970, or as ISO 8601, in UTC; None if there is none.

    Unreadable for a date that is none, or not between 1970 and 2100.
    """
    if value is None or value in ("", 0):
        return None
    try:
        found = _number_moment(value) if isinstance(value, int | float) else _text_moment(value)
        possible = EARLIEST <= found <= LATEST
    except (ValueError, TypeError, OverflowError) as error:
        raise Unreadable(f"{what} is no date: {line(str(value), 40)}.") from error
    if not possible:
        raise Unreadable(f"{what} is not between 1970 and 2100: {line(str(value), 40)}.")
    return found.astimezone(UTC)  # the database takes no zone that is 16 hours away


def _number_moment(value: float) -> datetime:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(value)
    seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
    if not 0 <= seconds <= LATEST.timestamp():
        return datetime.max.replace(tzinfo=UTC)
    return datetime.fromtimestamp(seconds, UTC)


def _text_moment(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def written(value: str) -> list[RawPart]:
    """A text as a part, if it is more than white space."""
    return [{"kind": "text", "text": value}] if value.strip() else []


def thought(value: str, duration_ms: int | None = None) -> list[RawPart]:
    """Reasoning as a part, if there is any."""
    return [{"kind": "reasoning", "text": value, "duration_ms": duration_ms}] if value.strip() else []


def fenced(value: str, language: str | None = None) -> str:
    """A text as a block of code that it cannot end."""
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", value)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language or ''}\n{value}\n{fence}"


def kept_as_json(value: Any) -> list[RawPart]:
    """What is of no known kind, shown as it came."""
    return written(fenced(orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode(), "json"))


def call(call_id: str, name: Any, arguments: Any) -> RawPart:
    """A tool call; arguments that are JSON in a text become what they say."""
    return {
        "kind": "tool_call",
        "call_id": call_id[:NAME_LENGTH],
        "name": line(name) or "unnamed",
        "arguments": plain(opened(arguments)),
    }


def outcome(call_id: str, result: Any, *, failed: bool = False) -> RawPart:
    """What came of a tool call."""
    status = "failed" if failed else "succeeded"
    return {
        "kind": "tool_result",
        "call_id": call_id[:NAME_LENGTH],
        "status": status,
        "result": plain(result),
    }


def citation(number: int, title: Any, url: Any, passage: Any = None) -> RawPart:
    """A passage that an answer relies on."""
    address = web_address(url)
    return {
        "kind": "citation",
        "number": number,
        "title": line(title, 1_000) or address or "Untitled",
        "url": address,
        "text": text(passage) or None,
    }


def failure(message: Any, detail: Any = None) -> RawPart:
    """What went wrong."""
    return {
        "kind": "error",
        "message": line(message, 4_000) or "Failed",
        "detail": text(detail) or None,
    }


def image(url: Any, alt: Any = None) -> list[RawPart]:
    """An image that has an address; a remark in place of one that the export does not hold."""
    address = web_address(url)
    if address is None:
        return absent("Image", alt)
    return [{"kind": "image", "url": address, "alt": line(alt, 2_000)}]


def attached(name: Any, url: Any = None, media_type: Any = None, size: Any = None) -> list[RawPart]:
    """A file that has an address; a remark in place of one that the export does not hold."""
    address = web_address(url)
    if address is None:
        return absent("File", name, media_type)
    return [
        {
            "kind": "file",
            "url": address,
            "name": line(name) or "unnamed",
            "media_type": line(media_type),
            "byte_size": count(size),
        }
    ]


def absent(kind: str, *facts: Any) -> list[RawPart]:
    """A remark on what a message showed and the export does not hold."""
    known = ", ".join(fact.replace("`", "'") for value in facts if (fact := line(value)))
    return written(f"{kind} that was not part of the import{f': `{known}`' if known else ''}")


def web_address(url: Any) -> str | None:
    """An address on the web; None for data, ids of stored files and the like."""
    address = text(url)
    fits = address.startswith(("http://", "https://")) and len(address) <= URL_LENGTH
    return address if fits else None


def opened(value: Any) -> Any:
    """What a text says in JSON; the text itself if it is none, any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def plain(value: Any) -> Any:
    """A JSON value. Unreadable if it is nested more than 64 deep, or holds a NUL character."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(entry, str) and "\0" in entry for entry in level):
            raise Unreadable(HOLDS_NUL)
        level = [inner for entry in level if isinstance(entry, dict | list) for inner in _inner(entry)]
        if not level:
            return value
    raise Unreadable(TOO_DEEP)


def _inner(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else value
