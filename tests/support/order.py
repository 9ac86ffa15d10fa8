"""The order of the tests: those in a browser mostly wait, so they stand among those that work the processor."""

from collections.abc import Sequence
from itertools import chain, groupby

import pytest

Module = tuple[pytest.Item, ...]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the modules of browser tests evenly over the run; each module stays whole."""
    modules = [tuple(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    waiting = [module for module in modules if module[0].path.parent.name == "e2e"]
    working = [module for module in modules if module[0].path.parent.name != "e2e"]
    placed = sorted([*_places(waiting), *_places(working)], key=lambda place: place[0])
    items[:] = chain.from_iterable(module for _, module in placed)


def _places(modules: Sequence[Module]) -> list[tuple[float, Module]]:
    return [((number + 0.5) / len(modules), module) for number, module in enumerate(modules)]
