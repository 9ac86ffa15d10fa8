"""Values with one part replaced by something of another type, for whoever must not stumble over them."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

OTHERS = (None, True, 1, "x", [], {}, ["query"], {"a": [1]}, 1e300)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return where each part of a value stands."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in steps:
        yield (*path, step)
        yield from places(part, (*path, step))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """Return a copy of a value that has something else at a place."""
    made = deepcopy(value)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = deepcopy(other)
    return made


def variants(value: Any) -> Iterator[Any]:
    """Return every copy with one part replaced by each of OTHERS."""
    for path in places(value):
        for other in OTHERS:
            yield replaced(value, path, other)
