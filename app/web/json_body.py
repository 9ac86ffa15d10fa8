"""The one reader of JSON bodies: what it returns can be stored, and no input brings it down."""

import json
import math
import re
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.db.session import rest
from app.web.errors import Refusal
from app.web.filters import size_bound

JSON_TYPE = "application/json"
DEEPEST = 64
_LARGEST = 2**63 - 1
_DIGITS = 400
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""Possessive, and to the end where a string has none: else long strings take gigabytes, broken ones hours."""
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def read_object(*, keep: bool = True) -> dict[str, Any]:
    """The object in the request's body, whose bytes the request keeps unless told otherwise.

    Refusal 415 for another type and a packed body, 413 for too large a body, 400 for what is no JSON object in UTF-8,
    holds a number that is none or the same name twice, or is nested too deeply, 422 for characters and numbers that
    cannot be stored.
    """
    if request.mimetype != JSON_TYPE:
        raise Refusal(415, "Send the values as application/json.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(415, "Send the body as it is, without Content-Encoding.")
    rest()  # whoever sends slowly holds no connection to the database
    try:
        text = _sent(keep=keep).decode()
        _check_depth(text)
        value = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except ValueError as error:
        raise Refusal(400, f"The body is not the JSON that is expected: {_reason(error)}.") from error
    if not isinstance(value, dict):
        raise Refusal(400, "The body is not the JSON that is expected: give an object.")
    if _SUSPECT.search(text):
        _check_text(value)
    return value


def _sent(*, keep: bool) -> bytes:
    """The bytes of the body. One in chunks that is too large ends at the limit, without a failure."""
    most = request.max_content_length
    assert most is not None
    try:
        sent = request.get_data(cache=keep)
    except RequestEntityTooLarge:
        sent = None
    if sent is None or (request.content_length is None and len(sent) >= most):
        raise Refusal(413, f"That is too large: a body may have at most {size_bound(most)} here.")
    return sent


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    return str(error)


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        sign = match[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in an object twice")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _bounded(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("a number is out of range")
    number = int(digits)
    if abs(number) > _LARGEST:
        raise Refusal(422, "A number is out of range.")
    return number


def _check_text(value: Any) -> None:
    """Refuse U+0000 and halves of characters anywhere, names included."""
    if isinstance(value, str):
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
            raise Refusal(422, "Remove the null characters and halves of characters.")
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name)
            _check_text(item)
