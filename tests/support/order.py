"""The order in which the modules of tests run."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any


def spread(items: Sequence[Any]) -> list[Any]:
    """The tests with the modules that drive a browser spread evenly among the others, both in their own order.

    Such tests wait for most of their time: the processes beside theirs should have something to reckon with.
    """
    modules = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    waiting = [tests for tests in modules if tests[0].get_closest_marker("e2e")]
    busy = [tests for tests in modules if not tests[0].get_closest_marker("e2e")]
    placed = [(place / len(part), tests) for part in (waiting, busy) for place, tests in enumerate(part)]
    return [item for _, tests in sorted(placed, key=lambda each: each[0]) for item in tests]
