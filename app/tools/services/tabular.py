"""A schema as a table of arguments and back; what a table cannot show travels along unseen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.tools.parts import PLACES
from app.tools.services.schemas import SchemaRefused, check_size

TYPES = ("string", "integer", "number", "boolean", "array", "object")
PLACE = "x-place"
"""Says in a property whether the argument goes to the query or the body; forms show it, the database keeps it apart."""
MOST_ROWS = 100
_PLACED = f'$.properties.{{}}: {PLACE} must be "query" or "body".'


@dataclass(frozen=True)
class Row:
    """One argument. `rest` is JSON of all else that the schema says of it; an empty type stands for others."""

    name: str = ""
    type: str = "string"
    required: bool = False
    description: str = ""
    place: str = ""
    rest: str = "{}"


@dataclass(frozen=True)
class Argument:
    """An argument as people read it: its type in words, and in `rest` as JSON what else is said of it, if anything."""

    name: str
    type: str
    required: bool
    description: str
    rest: str

    @property
    def line(self) -> str:
        """What else is said of it on one line."""
        return one_line(self.rest)


def one_line(rules: str) -> str:
    """JSON text without its indentation; empty as it is."""
    return json.dumps(json.loads(rules), ensure_ascii=False) if rules else ""


def arguments_of(schema: Mapping[str, Any]) -> tuple[list[Argument], str]:
    """The arguments of any schema, old or odd, and as JSON what it says beside them, if anything."""
    properties, required = schema.get("properties"), schema.get("required")
    parts: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    told = {"properties"} if isinstance(properties, dict) else set()
    told |= {"required"} if isinstance(required, list) else set()
    told |= {"type"} if schema.get("type") == "object" else set()
    named = {**parts, **{name: {} for name in names if name not in parts}}
    arguments = [_argument(name, part, required=name in names) for name, part in named.items()]
    return arguments, _written({key: value for key, value in schema.items() if key not in told})


def _argument(name: str, part: Any, *, required: bool) -> Argument:
    if not isinstance(part, dict):
        return Argument(name, "any", required, "", _written(part))
    kind, words = part.get("type"), part.get("description")
    kinds = kind if isinstance(kind, list) else [kind]
    plain = all(isinstance(one, str) for one in kinds)
    told = ({"type"} if plain else set()) | ({"description"} if isinstance(words, str) else set())
    rest = {key: value for key, value in part.items() if key not in told}
    shown = " or ".join(map(str, kinds)) if plain else "any"
    return Argument(name, shown, required, words if isinstance(words, str) else "", _written(rest))


def _written(value: Any) -> str:
    return "" if value == {} else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def rows_of(schema: Mapping[str, Any]) -> tuple[list[Row], str]:
    """The arguments of a schema, and JSON of what the table does not show. Raises SchemaRefused if it cannot be one."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not all(isinstance(part, dict) for part in properties.values()):
        raise SchemaRefused("This schema cannot be shown as a table. Edit it as text.")
    if any(name not in properties for name in required):
        raise SchemaRefused("This schema requires an argument that it does not describe. Edit it as text.")
    rows = []
    for name, part in properties.items():
        kind = part.get("type", "")
        if part.get(PLACE, "") not in ("", *PLACES):
            raise SchemaRefused(_PLACED.format(name))
        shown = {"description", PLACE} | ({"type"} if kind in TYPES else set())
        rest = {key: value for key, value in part.items() if key not in shown}
        rows.append(
            Row(
                name,
                kind if kind in TYPES else "",
                name in required,
                str(part.get("description", "")),
                str(part.get(PLACE, "")),
                json.dumps(rest),
            )
        )
    rest = {key: value for key, value in schema.items() if key not in {"type", "properties", "required"}}
    return rows, json.dumps(rest)


def schema_of(rows: Sequence[Row], rest: str) -> dict[str, Any]:
    """The schema of a table, still to be checked as others are.

    Raises SchemaRefused for a row without a name, a name given twice, and what no text can say.
    """
    properties: dict[str, Any] = {}
    for number, row in enumerate(rows, 1):
        if not row.name:
            raise SchemaRefused(f"Row {number}: enter a name for the argument, or remove the row.")
        if row.name in properties:
            raise SchemaRefused(f"Row {number}: another argument is named {row.name}.")
        shown = {"type": row.type if row.type in TYPES else "", "description": row.description}
        shown[PLACE] = row.place
        properties[row.name] = {**{key: value for key, value in shown.items() if value}, **_object(row.rest)}
    required = [row.name for row in rows if row.required]
    schema = {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        **_object(rest),
    }
    check_size(schema)
    return schema


def with_places(schema: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """A stored schema as forms show it."""
    properties = {
        name: {**part, PLACE: places[name]} if name in places and isinstance(part, dict) else part
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else dict(schema)


def without_places(schema: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The schema as it is stored, and where arguments go. Raises SchemaRefused for an unknown place."""
    places: dict[str, str] = {}
    properties = {}
    for name, part in schema.get("properties", {}).items():
        properties[name] = part
        if isinstance(part, dict) and PLACE in part:
            if part[PLACE] not in PLACES:
                raise SchemaRefused(_PLACED.format(name))
            places[name] = part[PLACE]
            properties[name] = {key: value for key, value in part.items() if key != PLACE}
    return ({**schema, "properties": properties} if properties else dict(schema)), places


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SchemaRefused("The table was sent in a way that cannot be read. Open the form again.")
    return found
