"""Markdown tables, printed line by line as figures come in."""

import statistics
import time
from collections.abc import Callable

ROUNDS = 200


def line(what: str, *values: object) -> None:
    """One row of the table."""
    print(f"| {what} | {' | '.join(str(value) for value in values)} |", flush=True)


def table(*heads: str) -> None:
    """The head of a table."""
    print()
    line(*heads)
    line(*["---"] * len(heads))


def median_ms(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of a call, after ten that do not count."""
    times = []
    for number in range(rounds + 10):
        began = time.perf_counter()
        call()
        if number >= 10:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def shown(milliseconds: float) -> str:
    """A time with three digits that count."""
    digits = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{digits}f}"


def times(ratio: float) -> str:
    """A ratio with two or three digits."""
    return f"{ratio:,.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}×"
