"""YAML as values that JSON has too, by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

Of version 1.1, which the parser follows otherwise, `yes` and dates are texts here, as they are meant to be in documents
that describe interfaces. Aliases are followed, up to a number of values, so that none grows without bound.
"""

import re
from typing import Any

import yaml

MOST_VALUES = 100_000
_PREFIX = "tag:yaml.org,2002:"
_KINDS = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
}


class YamlRefused(ValueError):
    """The text is no YAML that can be read; the message says where and why."""


class _Loader(yaml.CSafeLoader):
    """The parser with the scalars of the core schema."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


for _kind, (_pattern, _first) in _KINDS.items():
    _Loader.add_implicit_resolver(f"{_PREFIX}{_kind}", re.compile(f"(?:{_pattern})$"), [*_first, ""])


def read_yaml(text: str) -> Any:
    """The one document of a text. Keys are texts. Raises YamlRefused, and ValueError for numbers without end."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, words = error.problem_mark or error.context_mark, error.problem or error.context
        where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlRefused(f"{where}{words}.") from error
    except yaml.YAMLError as error:
        raise YamlRefused("The text holds characters that YAML does not allow.") from error
    return None if node is None else _value(node, [MOST_VALUES])


def _value(node: yaml.Node, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise YamlRefused(f"The document has more than {MOST_VALUES:,} values once its aliases are followed.")
    if isinstance(node, yaml.SequenceNode):
        return [_value(part, left) for part in node.value]
    if isinstance(node, yaml.MappingNode):
        return {_key(key): _value(part, left) for key, part in node.value}
    return _scalar(node.tag, node.value)


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise YamlRefused(f"Line {node.start_mark.line + 1}: only a text can be a key.")
    if node.value == "<<" and not node.style:
        raise YamlRefused(
            f"Line {node.start_mark.line + 1}: merge keys (<<) are not read; write out what they merge."
        )
    return str(node.value)


def _scalar(tag: str, text: str) -> Any:
    match tag.removeprefix(_PREFIX):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, 0 if text.startswith(("0o", "0x")) else 10)
        case "float":
            return float(text)
    return text
