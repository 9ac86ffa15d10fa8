"""What a good answer must be: checks of evaluation cases, read from forms and applied to answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.tools.services.schemas import SchemaRefused, argument_faults, check_schema, parse_schema

KINDS: Mapping[str, str] = {
    "contains": "Contains the text",
    "lacks": "Does not contain the text",
    "equals": "Is exactly the text",
    "schema": "Is JSON of this schema",
    "tool": "Calls the tool",
    "judged": "A model finds that",
}
MOST_CHECKS = 20
VALUE_LENGTH = 32_000
JSON_LENGTH = 50_000
"""Longer answers are not read as JSON."""
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


class CheckRefused(Exception):
    """A check cannot be used; the message says which and why. `place` names the field of the form."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class Answered:
    """An answer to a case: its text, and the calls it made as pairs of name and arguments."""

    text: str
    calls: Sequence[tuple[str, Any]] = ()


def read_checks(rows: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Checks from pairs of kind and value; rows without value are left out, and not counted. Raises CheckRefused."""
    given = [(kind, text.replace("\r\n", "\n").strip()) for kind, text in rows if text.strip()]
    for row, (kind, value) in enumerate(given):
        fault = _fault(kind, value)
        if fault:
            raise CheckRefused(f"Check {row + 1}: {fault}", f"{'value' if kind in KINDS else 'kind'}-{row}")
    if not given:
        raise CheckRefused("Say at least one thing that a good answer must be.", "value-0")
    if len(given) > MOST_CHECKS:
        raise CheckRefused(f"Use at most {MOST_CHECKS} checks.", f"value-{MOST_CHECKS}")
    return [{"kind": kind, "value": value} for kind, value in given]


def _fault(kind: str, value: str) -> str:
    if kind not in KINDS:
        return "choose what is checked."
    if "\0" in value:
        return "remove the null characters."
    if len(value) > VALUE_LENGTH:
        return f"use at most {VALUE_LENGTH:,} characters."
    try:
        if kind == "schema":
            _shape(value)
        elif kind == "tool":
            _tool(value)
    except SchemaRefused as error:
        return str(error)
    except ValueError:
        return 'write the name of the tool, then its arguments if wanted, such as refund {"order": 7}.'
    return ""


def apply(check: Mapping[str, str], answered: Answered) -> str:
    """Why an answer fails a check that needs no model; empty if it passes."""
    kind, value, text = check["kind"], check["value"], answered.text
    if kind == "contains":
        return "" if value.lower() in text.lower() else "The answer does not contain it."
    if kind == "lacks":
        return "The answer contains it." if value.lower() in text.lower() else ""
    if kind == "equals":
        return "" if text.strip() == value else "The answer is another text."
    if kind == "tool":
        return _called(value, answered.calls)
    return _shaped(value, text)


def _called(value: str, calls: Sequence[tuple[str, Any]]) -> str:
    name, wanted = _tool(value)
    made = [arguments for called, arguments in calls if called == name]
    if not made:
        return "The tool was not called."
    return (
        "" if any(_within(wanted, arguments) for arguments in made) else "It was called with other arguments."
    )


def _within(wanted: Any, given: Any) -> bool:
    """Whether all that is wanted stands in what was given; objects may have more names."""
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(
            name in given and _within(value, given[name]) for name, value in wanted.items()
        )
    return bool(wanted == given) and isinstance(wanted, bool) == isinstance(given, bool)


def _shaped(schema: str, text: str) -> str:
    if len(text) > JSON_LENGTH:
        return f"The answer is longer than {JSON_LENGTH:,} characters and was not read as JSON."
    try:
        value = json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        return "The answer is no JSON."
    try:
        faults = argument_faults(_shape(schema), value)
    except SchemaRefused as error:
        return str(error)
    return "; ".join(faults)


def _shape(text: str) -> dict[str, Any]:
    """A schema of any type, within the bounds of those of arguments, which are objects. Raises SchemaRefused."""
    schema = parse_schema(text)
    check_schema({**schema, "type": "object"})
    types = schema.get("type", "object")
    named = types if isinstance(types, list) else [types]
    if not named or not all(isinstance(one, str) and one in _TYPES for one in named):
        raise SchemaRefused(f'"type" must be one or several of {", ".join(_TYPES)}.')
    return schema


def _unfenced(text: str) -> str:
    """The text without a fence of Markdown around it."""
    lines = text.strip().splitlines()
    fenced = len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```"
    return "\n".join(lines[1:-1]) if fenced else text


def _tool(value: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments. Raises ValueError."""
    name, _space, rest = value.partition(" ")
    try:
        wanted = json.loads(rest) if rest.strip() else {}
    except RecursionError as error:
        raise ValueError(name) from error
    if isinstance(wanted, dict):
        return name, wanted
    raise ValueError(name)
