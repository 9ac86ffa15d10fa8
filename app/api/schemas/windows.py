"""Windows on the messages of a thread, read strictly from the query."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request

from app.api.schemas.lists import MOST, USUAL, number, parameter
from app.api.schemas.strict import CANONICAL_ID
from app.web.errors import FieldError, Refusal

SIDES = ("around", "before", "after")
STARTS = ("oldest", "latest")
_ID = re.compile(CANONICAL_ID)
_UUID: dict[str, Any] = {"type": "string", "format": "uuid", "pattern": CANONICAL_ID}
WINDOW = [
    parameter("around", _UUID, "The message in the middle."),
    parameter("before", _UUID, "The message that follows the window."),
    parameter("after", _UUID, "The message that precedes the window."),
    parameter(
        "start", {"type": "string", "enum": [*STARTS], "default": "latest"}, "Where to begin without these."
    ),
    parameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        "Messages; with around, on either side.",
    ),
]


_LONGEST_NAME = 255
PERSON = [
    parameter(
        "external_user",
        {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME},
        "Whose rating; without it that of the key's person.",
    )
]


@dataclass(frozen=True)
class Window:
    """At most `size` messages on one `side` of a message, or without one from the `side` of the thread."""

    side: str
    message_id: UUID | None
    size: int


def read_window() -> Window:
    """The window that the query asks for. Refusal 422 with each parameter that is wrong."""
    errors = list(_wrong())
    if errors:
        raise Refusal(422, "Some parameters are wrong.", errors=errors)
    given = request.args
    size = int(given.get("page_size", USUAL))
    for side in SIDES:
        if side in given:
            return Window(side, UUID(given[side]), size)
    return Window(given.get("start", "latest"), None, size)


def _wrong() -> Iterator[FieldError]:
    given = request.args
    for key, value in given.items():
        if key in SIDES and not _ID.fullmatch(value):
            yield FieldError(key, "Give the id of a message.")
    size = number(given.get("page_size", str(USUAL)))
    if size is None or size > MOST:
        yield FieldError("page_size", f"Give a whole number from 1 to {MOST}.")
    if given.get("start", "latest") not in STARTS:
        yield FieldError("start", "Give oldest or latest.")
    if len([key for key in given if key in {*SIDES, "start"}]) > 1:
        yield FieldError("start", "Give one of around, before, after and start.")


def read_person() -> str | None:
    """The person outside whom the query names. Refusal 422 for an unusable name."""
    name = request.args.get("external_user")
    if (name is not None and not 0 < len(name) <= _LONGEST_NAME) or "\0" in (name or ""):
        words = f"Use 1 to {_LONGEST_NAME} characters."
        raise Refusal(422, words, errors=[FieldError("external_user", words)])
    return name
