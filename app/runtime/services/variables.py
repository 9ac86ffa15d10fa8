"""Texts with `{{variables}}`."""

import re
from collections.abc import Mapping

_NAME = "[A-Za-z_][A-Za-z0-9_.]*"
_VARIABLE = re.compile(rf"\{{\{{\s*({_NAME})\s*\}}\}}")


def is_variable(name: str) -> bool:
    """Whether a variable can have this name."""
    return re.fullmatch(_NAME, name) is not None


def variables_of(*texts: str) -> tuple[str, ...]:
    """The variables of some texts, in order."""
    return tuple(dict.fromkeys(found[1] for text in texts for found in _VARIABLE.finditer(text)))


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; those without a value stay as they are."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
