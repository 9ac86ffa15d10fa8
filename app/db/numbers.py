"""JSON with numbers of any size, as the database keeps them, read so that all of it can be written again."""

import json
import math
from typing import Any

import orjson

_LEAST, _MOST = -(2**63), 2**64 - 1


def read_json(raw: bytes | str) -> Any:
    """The value of a JSON text; whole numbers beyond 64 bits become those with a point, larger ones texts."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw, parse_int=read_whole, parse_float=read_number)


def read_whole(digits: str) -> int | float | str:
    """A whole number of a JSON text, as `read_json` has it."""
    if len(digits) <= len(str(_MOST)) and _LEAST <= (number := int(digits)) <= _MOST:
        return number
    return read_number(digits)


def read_number(text: str) -> float | str:
    """A number of a JSON text, as `read_json` has it."""
    number = float(text)
    return number if math.isfinite(number) else text
