"""The figures as the page shows them: tiles, series for charts and rows of a table, each with the threads behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import url_for

from app.analytics.repo.figures import Figures, Key, Report
from app.analytics.services.periods import Choice

MOST_GROUPS = 50
"""Agents or models in the table; the file has all of them."""
# What of the list of threads stands behind a figure, besides its days.
_BEHIND: dict[str, dict[str, str]] = {
    "threads": {},
    "messages": {"sort": "-messages"},
    "people": {},
    "tokens": {"sort": "-tokens"},
    "cost_micros": {"sort": "-cost"},
    "errors": {"error": "yes"},
    "ups": {"feedback": "up"},
    "downs": {"feedback": "down"},
    "latency_p50_ms": {},
    "latency_p95_ms": {},
}
# Of which threads figures are counted: of all but deleted ones, whereas the list leaves out archived ones.
_COUNTED = ("live", "archived")
# Millionths in a unit of money, milliseconds in a second.
_UNITS = {"cost_micros": 1_000_000, "latency_p50_ms": 1000, "latency_p95_ms": 1000}


@dataclass(frozen=True)
class Tile:
    """A total, that of the days before, and the address of the threads behind it."""

    measure: str
    now: int | None
    before: int | None
    url: str


@dataclass(frozen=True)
class GroupRow:
    """An agent or a model in the table."""

    words: str
    figures: Figures
    url: str | None


@dataclass(frozen=True)
class Shown:
    """Everything that the template draws; `series` has a list per measure, `urls` the threads of each day."""

    tiles: Sequence[Tile]
    days: Sequence[date]
    series: dict[str, list[float | None]]
    urls: Sequence[str]
    rows: Sequence[GroupRow]
    more: int
    error_rate: float


def shown(org: str, choice: Choice, report: Report, by: str) -> Shown:
    """The report of the chosen days, its table grouped by `agent` or `model`."""

    def threads(**values: Any) -> str:
        return url_for("threads.index", org=org, status=_COUNTED, **values)

    tiles = [
        Tile(
            measure,
            getattr(report.total, measure),
            getattr(report.previous, measure),
            threads(**_days(measure, choice), **more),
        )
        for measure, more in _BEHIND.items()
    ]
    days = list(choice.period.days)
    groups = report.by_agent if by == "agent" else report.by_model
    return Shown(
        tiles=tiles,
        days=days,
        series=_series(report),
        urls=[threads(created=f"{day}..{day}") for day in days],
        rows=[
            GroupRow(report.words(key), figures, _group_url(threads, key, choice))
            for key, figures in list(groups.items())[:MOST_GROUPS]
        ],
        more=max(len(groups) - MOST_GROUPS, 0),
        error_rate=report.total.errors / max(report.total.messages, 1),
    )


def _series(report: Report) -> dict[str, list[float | None]]:
    """The days of each measure, money and latency in the units that charts take."""
    return {
        measure: [_in_units(measure, getattr(figures, measure)) for figures in report.by_day.values()]
        for measure in _BEHIND
    }


def _in_units(measure: str, value: int | None) -> float | None:
    return value if value is None or measure not in _UNITS else value / _UNITS[measure]


def _days(measure: str, choice: Choice) -> dict[str, str]:
    """Threads are counted on the day they began; what happened in them, by their last activity since."""
    return {"created": choice.dates} if measure == "threads" else {"last": f"{choice.period.days[0]}.."}


def _group_url(threads: Any, key: Key, choice: Choice) -> str | None:
    return threads(agent=key, last=f"{choice.period.days[0]}..") if isinstance(key, UUID) else None
