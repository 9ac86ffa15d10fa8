"""What is loaded when it is first used, named by its place, `module:name`.

Some packages are large and most processes never need them; those at rest stay small without.
"""

import importlib
from collections.abc import Callable
from typing import Any


def load(place: str) -> Any:
    """What stands at this place; its module is imported by the first who asks. Raises what that import raises."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def later(place: str) -> Callable[..., Any]:
    """A function that stands for the one at this place, which is imported by the first call."""

    def call(*given: Any) -> Any:
        return load(place)(*given)

    return call
