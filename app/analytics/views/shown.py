"""The figures as the page shows them: tiles, series for charts and rows of a table, each with the threads behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode
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
# The same of the charts, some of which draw two figures; threads that were begun last come first among those of people.
_CHARTS: Mapping[str, Mapping[str, Any]] = {
    **{measure: _BEHIND[measure] for measure in ("messages", "tokens", "cost_micros", "errors")},
    "people": {"sort": "-created"},
    "feedback": {"feedback": ("up", "down")},
    "latency": {},
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
    """Everything that the template draws; `series` has a list per measure, `urls` the threads of each day per chart."""

    tiles: Sequence[Tile]
    days: Sequence[date]
    series: dict[str, list[float | None]]
    urls: dict[str, list[str]]
    rows: Sequence[GroupRow]
    more: int
    error_rate: float


def shown(org: str, choice: Choice, report: Report, by: str) -> Shown:
    """The report of the chosen days, its table grouped by `agent` or `model`."""
    index = url_for("threads.index", org=org)

    def threads(**values: Any) -> str:
        return f"{index}?{urlencode({'status': _COUNTED, **values}, doseq=True)}"

    tiles = [
        Tile(
            measure,
            getattr(report.total, measure),
            getattr(report.previous, measure),
            threads(**_days(measure, choice.dates), **more),
        )
        for measure, more in _BEHIND.items()
    ]
    days = list(choice.period.days)
    groups = report.by_agent if by == "agent" else report.by_model
    return Shown(
        tiles=tiles,
        days=days,
        series=_series(report),
        urls={
            chart: [threads(**_days(chart, f"{day}..{day}"), **more) for day in days]
            for chart, more in _CHARTS.items()
        },
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


def _days(figure: str, dates: str) -> dict[str, str]:
    """What to ask of the list for the threads behind a figure of these days, the last of which may be open.

    Threads are counted on the day they began. What was written lies between that and their last activity; what people
    think of it may come later.
    """
    first, _, last = dates.partition("..")
    if figure == "threads":
        return {"created": dates}
    begun = {"created": f"..{last}"} if last else {}
    return begun if figure in {"ups", "downs", "feedback"} else {**begun, "last": f"{first}.."}


def _group_url(threads: Any, key: Key, choice: Choice) -> str | None:
    return threads(agent=key, **_days("messages", choice.dates)) if isinstance(key, UUID) else None
