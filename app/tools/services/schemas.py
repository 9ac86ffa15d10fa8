"""JSON Schemas of arguments: read, checked, bounded, and what arguments are wrong by them."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from re import _constants as opcodes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend

SCHEMA_BYTES, SCHEMA_DEPTH, MOST_REFERENCES = 32_000, 20, 200
PATTERN_LENGTH, MATCHED_LENGTH = 200, 200
MOST_REPEATS = 2
_REFUSED = (
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "patternProperties",
)


class SchemaRefused(Exception):
    """The schema cannot be used; the message says where and why."""


def read_schema(text: str) -> dict[str, Any]:
    """A schema of arguments from its text. Raises SchemaRefused, with line and column where it is no JSON."""
    schema = parse_schema(text)
    check_schema(schema)
    return schema


def parse_schema(text: str) -> dict[str, Any]:
    """The JSON object of a text, not yet checked to be a schema. Raises SchemaRefused as `read_schema` does."""
    if len(text.encode(errors="replace")) > SCHEMA_BYTES:
        raise SchemaRefused(f"The schema is larger than {SCHEMA_BYTES:,} bytes.")
    try:
        schema = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise SchemaRefused(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except (RecursionError, ValueError) as error:
        raise SchemaRefused("The text cannot be read as JSON.") from error
    if not isinstance(schema, dict):
        raise SchemaRefused("The schema must be a JSON object.")
    return schema


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise SchemaRefused unless arguments can be checked by it in bounded time."""
    check_size(schema)
    if schema.get("type") != "object":
        raise SchemaRefused('The schema must have "type": "object": arguments have names.')
    for place, part in _objects(schema, "$"):
        _check_words(place, part)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SchemaRefused(f"{error.json_path}: {error.message[:300]}.") from error
    _follow(schema, schema, (), [0])
    if "\\u0000" in json.dumps(schema):
        raise SchemaRefused("Remove the null characters.")


def check_size(schema: Mapping[str, Any]) -> None:
    """Raise SchemaRefused for what is too long or too deep, or what a database keeps in no JSON value."""
    if _deeper(schema, SCHEMA_DEPTH):
        raise SchemaRefused(f"The schema is nested deeper than {SCHEMA_DEPTH} levels.")
    try:
        size = len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
    except ValueError as error:
        raise SchemaRefused("Its numbers must be finite, its texts whole characters.") from error
    if size > SCHEMA_BYTES:
        raise SchemaRefused(f"The schema is larger than {SCHEMA_BYTES:,} bytes.")


def argument_faults(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """What is wrong with arguments, at most five sentences without full stop."""
    try:
        if not finite(arguments):
            return ["their numbers must be finite"]
        faults = sorted(_Validator(schema).iter_errors(arguments), key=lambda fault: fault.json_path)
    except RecursionError:
        return ["they are nested too deeply"]
    except (ArithmeticError, ValueError):
        return ["they hold a number that is too large to be checked"]
    return [fault.message[:300] for fault in faults[:5]]


def finite(value: Any) -> bool:
    """Whether all numbers in a value end somewhere, as those of JSON do. Raises RecursionError for a deep one."""
    if isinstance(value, dict | list):
        return all(finite(part) for part in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def slow_pattern(pattern: str) -> str | None:
    """Why a pattern could take long on some texts, or is none; None if it is fine."""
    if len(pattern) > PATTERN_LENGTH:
        return f"a pattern has at most {PATTERN_LENGTH} characters"
    try:
        tree = parser.parse(pattern)
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return "it is no regular expression"
    try:
        repeats = _repeats(tree, inside=False)
    except _Nested:
        return "a repetition within a repetition can take very long"
    return f"use at most {MOST_REPEATS} repetitions" if repeats > MOST_REPEATS else None


class _Nested(Exception):
    """A repetition holds another one, or a look back."""


def _repeats(tree: Any, *, inside: bool) -> int:
    """How many long repetitions a parsed pattern holds."""
    count = 0
    for code, value in tree:
        if code in {opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT}:
            _, most, inner = value
            long = most > 1
            if long and inside:
                raise _Nested
            count += _repeats(inner, inside=inside or long) + (most is opcodes.MAXREPEAT or most > 20)
        elif code is opcodes.BRANCH:
            if inside:
                raise _Nested
            count += sum(_repeats(part, inside=inside) for part in value[1])
        elif code is opcodes.SUBPATTERN:
            count += _repeats(value[-1], inside=inside)
        elif code not in {opcodes.LITERAL, opcodes.NOT_LITERAL, opcodes.IN, opcodes.ANY, opcodes.AT}:
            raise _Nested
    return count


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str) or slow_pattern(pattern):
        return
    if len(instance) > MATCHED_LENGTH:
        yield ValidationError(f"a text with a pattern has at most {MATCHED_LENGTH} characters")
    elif not re.search(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON.")


def _deeper(value: Any, depth: int) -> bool:
    """Whether a value is nested deeper, without recursing further than that."""
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(part, depth - 1) for part in parts)


def _objects(value: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, dict):
        yield place, value
        for name, part in value.items():
            yield from _objects(part, f"{place}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _objects(part, f"{place}[{number}]")


def _check_words(place: str, part: Mapping[str, Any]) -> None:
    if place.endswith((".properties", ".$defs")):
        return
    for word in _REFUSED:
        if word in part:
            raise SchemaRefused(f"{place}: {word} cannot be used here.")
    reference = part.get("$ref")
    if reference is not None and not (isinstance(reference, str) and reference.startswith("#/")):
        raise SchemaRefused(f"{place}: only references within the schema, such as #/$defs/name, can be used.")
    pattern = part.get("pattern")
    if isinstance(pattern, str) and (why := slow_pattern(pattern)):
        raise SchemaRefused(f"{place}.pattern: {why}.")


def _follow(schema: Mapping[str, Any], value: Any, path: tuple[str, ...], count: list[int]) -> None:
    """Walk all references. Raises SchemaRefused for one that leads nowhere, in a circle, or to far too many others."""
    for _, part in _objects(value, "$"):
        reference = part.get("$ref")
        if not isinstance(reference, str):
            continue
        count[0] += 1
        if reference in path or count[0] > MOST_REFERENCES:
            raise SchemaRefused(f"{reference} leads in a circle, or the references are too many.")
        _follow(schema, pointed(schema, reference), (*path, reference), count)


def pointed(document: Mapping[str, Any], reference: str) -> Any:
    """What a reference such as #/a/b names in its document. Raises SchemaRefused."""
    if not reference.startswith("#/"):
        raise SchemaRefused(f"{reference[:200]}: only references within the document are followed.")
    found: Any = document
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            raise SchemaRefused(f"{reference[:200]} leads nowhere.")
        found = found[name]
    return found
