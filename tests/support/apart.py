"""What needs a thread of its own: event loops, where Playwright keeps one in the thread of the tests."""

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def apart(act: Callable[..., Answer], *values: object) -> Answer:
    """Call a function in a new thread, in the same application context, and give back what it returns or raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, act, *values).result()
