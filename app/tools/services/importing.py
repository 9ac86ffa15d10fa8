"""Operations of an OpenAPI 3 document as tools. Nothing is fetched: references lead within the document only."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.tools.parts import METHODS, NAME, HttpConfig
from app.tools.services.requests import check_shape, placeholders
from app.tools.services.schemas import SchemaRefused, check_schema, pointed, slow_pattern
from app.tools.services.yaml_values import YamlRefused, read_yaml
from app.web.outbound import OutboundRefused

DOCUMENT_CHARACTERS, MOST_OPERATIONS = 400_000, 200
_DEPTH, _NODES = 16, 3_000
_MERGED = frozenset(
    {"additionalProperties", "default", "description", "properties", "required", "title", "type"}
)
_PLACES = frozenset({"path", "query", "header", "cookie"})
_DROPPED = frozenset({
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "deprecated", "discriminator", "example",
    "examples", "externalDocs", "nullable", "patternProperties", "readOnly", "writeOnly", "xml",
})  # fmt: skip


class DocumentRefused(Exception):
    """The document cannot be read; the message says where and why."""


@dataclass(frozen=True)
class Operation:
    """An operation of a document; `fault` says why it cannot become a tool, empty if it can."""

    method: str
    path: str
    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def key(self) -> str:
        """What forms choose it by."""
        return f"{self.method} {self.path}"

    def values(self, base_url: str, approval: str) -> dict[str, Any]:
        """The columns of the tool that it becomes."""
        config = HttpConfig(method=self.method, url=f"{base_url}{self.path}", places=dict(self.places))
        return {
            "name": self.name,
            "description": self.description,
            "kind": "http",
            "input_schema": self.schema,
            "config": config.model_dump(mode="json"),
            "approval": approval,
            "enabled": True,
        }


@dataclass(frozen=True)
class Document:
    """What a document offers; `base_url` is that of its first server, empty if it is not absolute."""

    title: str
    base_url: str
    operations: tuple[Operation, ...]


def read_document(text: str) -> Document:
    """An OpenAPI 3 document from its text, JSON or YAML. Raises DocumentRefused."""
    if len(text) > DOCUMENT_CHARACTERS:
        raise DocumentRefused(f"The document is longer than {DOCUMENT_CHARACTERS:,} characters.")
    found = _read(text)
    version = found.get("openapi") if isinstance(found, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise DocumentRefused("This is no OpenAPI 3 document: it has no “openapi” that begins with 3.")
    operations = tuple(_operations(found))
    if not operations:
        raise DocumentRefused("The document describes no operation that a tool could call.")
    if len(operations) > MOST_OPERATIONS:
        raise DocumentRefused(f"The document has more than {MOST_OPERATIONS} operations. Cut it down first.")
    title = _dict(found.get("info")).get("title")
    return Document(str(title or "")[:200], _base_url(found), operations)


def _read(text: str) -> Any:
    """The values of a text: of JSON where it begins as such an object does, else of YAML. Raises DocumentRefused."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else read_yaml(text)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise DocumentRefused(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except YamlRefused as refused:
        raise DocumentRefused(str(refused)) from refused
    except (RecursionError, ValueError) as error:
        raise DocumentRefused("The text cannot be read as JSON or YAML with finite numbers.") from error
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _base_url(document: Mapping[str, Any]) -> str:
    servers = _list(document.get("servers"))
    url = str(_dict(servers[0]).get("url", "")) if servers else ""
    return url.rstrip("/") if re.match(r"https?://", url) and "{" not in url else ""


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in _dict(document.get("paths")).items():
        for method in METHODS:
            described = _dict(item).get(method.lower())
            if not isinstance(described, dict) or not path.startswith("/"):
                continue
            name, words = _name(described, method, path), _words(described)
            try:
                schema, places = _arguments(document, _dict(item), described, path)
                yield Operation(method, path, name, words, schema, places)
            except SchemaRefused as refused:
                yield Operation(method, path, name, words, fault=str(refused)[:300])


def _name(described: Mapping[str, Any], method: str, path: str) -> str:
    given = str(described.get("operationId") or f"{method.lower()}_{path}")
    return valid_name(given)


def valid_name(given: str) -> str:
    """A name that models can call, made of any text; not yet unique."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", given).strip("_")[:60].strip("_")
    return plain if NAME.fullmatch(plain) else f"call_{plain}"[:60].rstrip("_")


def _words(described: Mapping[str, Any]) -> str:
    texts = [str(described[key]).strip() for key in ("summary", "description") if described.get(key)]
    return "\n\n".join(dict.fromkeys(texts)).replace("\0", "")[:2_000]


def _arguments(
    document: Mapping[str, Any], item: Mapping[str, Any], described: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The schema of all arguments, and where those go that are not in the path. Raises SchemaRefused."""
    properties, places, required = _sent(document, item, described)
    for name, part, needed in _body(document, described):
        if name in properties:
            raise SchemaRefused(f"It has two arguments named {name}.")
        properties[name], places[name] = part, "body"
        required += [name] if needed else []
    for name in _named(path):
        if name not in properties:
            properties[name] = {"type": "string"}
            required.append(name)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    check_schema(schema)
    return schema, places


def _named(path: str) -> list[str]:
    """The arguments in a path. Raises SchemaRefused for a path that cannot be filled in safely."""
    if "?" in path:
        raise SchemaRefused("Its path holds a ?.")
    try:
        check_shape(f"https://host{path}")
    except OutboundRefused as refused:
        raise SchemaRefused(str(refused)) from refused
    return placeholders(f"https://host{path}")


def _sent(
    document: Mapping[str, Any], item: Mapping[str, Any], described: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """The arguments of path and query: their schemas, places, and those required. Raises SchemaRefused."""
    places: dict[str, str] = {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in _parameters(document, item, described):
        name, where = str(parameter.get("name", "")), parameter.get("in")
        if not isinstance(where, str) or where not in _PLACES:
            raise SchemaRefused(f"Its parameter {name[:100]} is neither in path, query, header nor cookie.")
        if where in {"header", "cookie"}:
            if parameter.get("required"):
                raise SchemaRefused(f"It requires the {where} {name}.")
            continue
        properties[name] = _described(parameter, _inlined(document, parameter.get("schema", {})))
        if where == "query":
            places[name] = "query"
        if where == "path" or parameter.get("required"):
            required.append(name)
    return properties, places, required


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], described: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The parameters of an operation; its own count more than those of its path."""
    found = {}
    for raw in [*_list(item.get("parameters")), *_list(described.get("parameters"))]:
        parameter = _followed(document, raw)
        found[str(parameter.get("name")), str(parameter.get("in"))] = parameter
    return list(found.values())


def _followed(document: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """An object, or what its reference names; at most a few references behind another."""
    for _ in range(5):
        reference = _dict(value).get("$ref")
        if reference is None:
            return _dict(value)
        value = pointed(document, str(reference))
    raise SchemaRefused("Its references lead in a circle.")


def _described(parameter: Mapping[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    words = parameter.get("description")
    return {"description": str(words)[:1_000], **schema} if words else schema


def _body(
    document: Mapping[str, Any], described: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name, schema and need of each property of the JSON body."""
    body = _followed(document, described.get("requestBody", {}))
    kinds = _dict(body.get("content"))
    kind = next((kind for kind in kinds if kind.partition(";")[0].endswith("json")), None)
    if kind is None:
        if body.get("required") and kinds:
            raise SchemaRefused(f"Its body is {next(iter(kinds))}; only JSON can be sent.")
        return
    schema = _merged(_inlined(document, _dict(kinds[kind]).get("schema", {})))
    properties, needed = schema.get("properties"), _names(schema)
    if not isinstance(properties, dict):
        if body.get("required"):
            raise SchemaRefused("Its body is no object with named properties.")
        return
    for name, part in properties.items():
        yield name, part, name in needed and bool(body.get("required"))


def _names(schema: Mapping[str, Any]) -> list[str]:
    """What an object requires. Raises SchemaRefused for anything but names."""
    names = schema.get("required", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SchemaRefused("What its body requires is no list of names.")
    return names


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    """An object described by all of several schemas as one object. Raises SchemaRefused if they do not go together."""
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in ({key: value for key, value in schema.items() if key != "allOf"}, *parts):
        found = _part(part)
        for name, described in found.get("properties", {}).items():
            if properties.setdefault(name, described) != described:
                raise SchemaRefused(f"The allOf of its body describes {name} in two ways.")
        required += _names(found)
    return {"type": "object", "properties": properties, "required": list(dict.fromkeys(required))}


def _part(part: Any) -> dict[str, Any]:
    """One of the schemas that describe an object together. Raises SchemaRefused for one that says more than that."""
    found = _merged(part) if isinstance(part, dict) else {"type": None}
    if found.get("type", "object") != "object" or not isinstance(found.get("properties", {}), dict):
        raise SchemaRefused("The allOf of its body holds what is no object with named properties.")
    more = sorted(found.keys() - _MERGED)
    if more:
        raise SchemaRefused(f"The allOf of its body holds {more[0][:100]}, which cannot be merged.")
    return found


def _inlined(document: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """A schema without references and without what 2020-12 does not know. Raises SchemaRefused."""
    found = _clean(document, schema, (), [_NODES], names=False)
    return found if isinstance(found, dict) else {}


def _clean(
    document: Mapping[str, Any], value: Any, path: tuple[str, ...], left: list[int], *, names: bool
) -> Any:
    left[0] -= 1
    if left[0] < 0 or len(path) > _DEPTH * 4:
        raise SchemaRefused("Its schema is too large once its references are followed.")
    if isinstance(value, list):
        return [_clean(document, part, (*path, ""), left, names=False) for part in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str) and not names:
        if reference in path:
            raise SchemaRefused(f"{reference[:200]} leads in a circle.")
        return _clean(document, pointed(document, reference), (*path, reference), left, names=False)
    found = {
        key: _clean(document, part, (*path, ""), left, names=key == "properties" and not names)
        for key, part in value.items()
        if names or key not in _DROPPED
    }
    return found if names else _modern(value, found)


def _modern(value: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 writes otherwise than JSON Schema 2020-12."""
    if value.get("nullable") is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and plain in found:
            found[exclusive] = found.pop(plain)
    pattern = found.get("pattern")
    if isinstance(pattern, str) and slow_pattern(pattern):
        del found["pattern"]
    return found
