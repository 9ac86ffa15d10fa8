"""Timing by the rules: variants take turns, the order turns round each time, the best round counts on every side.

A fixed piece of work is timed around each round; where it drifts by more than 15 % the round is void and repeated, at
most three times, so that a busy machine still gives figures: those that never had a quiet round are marked.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg

ROUNDS = 3
MOST_ROUNDS = 6
DRIFT = 0.15
SLOW_SECONDS = 0.3
SLOW_WINDOW = 8.0
QUICK_WINDOW = 0.5
Call = Callable[[], object]


@dataclass(frozen=True)
class Best:
    """The best time of a variant in milliseconds; infinite if it failed or ran out of time."""

    ms: float
    quiet: bool


def race(variants: Mapping[str, Call], ping: Call) -> dict[str, Best]:
    """The best time of each variant."""
    quiet: dict[str, float] = {}
    noisy: dict[str, float] = {}
    good = 0
    for number in range(MOST_ROUNDS):
        before = _mean_ms(ping, 0.05)
        names = list(variants)[:: -1 if number % 2 else 1]
        found = {name: _mean_ms(variants[name], QUICK_WINDOW) for name in names}
        after = _mean_ms(ping, 0.05)
        steady = abs(after - before) <= DRIFT * before
        good += steady
        for name, ms in found.items():
            kept = quiet if steady else noisy
            kept[name] = min(kept.get(name, ms), ms)
        if good >= ROUNDS or (number + 1 >= ROUNDS and max(found.values()) > 10_000):
            break
    return {
        name: Best(min(quiet.get(name, noisy.get(name, 0)), noisy.get(name, float("inf"))), name in quiet)
        for name in variants
    }


def _mean_ms(call: Call, window: float) -> float:
    """The mean time of a call over a window; answers that take long get a longer one."""
    try:
        began = time.perf_counter()
        call()
        first = time.perf_counter() - began
        if first >= SLOW_SECONDS:
            window = SLOW_WINDOW
            if first >= window:
                return first * 1000
        count, began = 0, time.perf_counter()
        while count < 3 or time.perf_counter() - began < window:
            call()
            count += 1
        return (time.perf_counter() - began) / count * 1000
    except psycopg.errors.QueryCanceled:
        return float("inf")
