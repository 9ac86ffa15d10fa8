"""Geometry of charts, as numbers for SVG attributes: a page may hold no style of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask

WIDTH, HEIGHT = 600, 160
"""The drawing's own units; it stretches to the width of the page."""
SPARK_WIDTH, SPARK_HEIGHT = 96, 24

Values = Sequence[float | None]


@dataclass(frozen=True)
class Bar:
    """One bar: where it stands, how high it is, the width of its column."""

    x: float
    y: float
    width: float
    height: float


def chart_top(series: Sequence[Values]) -> float:
    """The end of an axis that begins at 0: the next round number above all values."""
    highest = max((value for values in series for value in values if value is not None), default=0)
    if highest <= 0:
        return 1
    step = 10 ** math.floor(math.log10(highest))
    return float(next(step * factor for factor in (1, 2, 3, 4, 5, 6, 8, 10) if step * factor >= highest))


def chart_paths(values: Values, top: float, width: float = WIDTH, height: float = HEIGHT) -> list[str]:
    """The lines through the values, one for each run without a gap, as `points` of a polyline."""
    step = width / max(len(values) - 1, 1)
    runs: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            x = index * step if len(values) > 1 else width / 2
            runs[-1].append(f"{x:.1f},{height - max(value, 0) / top * height:.1f}")
    return [" ".join(run if len(run) > 1 else [run[0], run[0]]) for run in runs if run]


def chart_bars(values: Values, top: float) -> list[Bar]:
    """A bar for each value, at least visible where it is not zero."""
    column = WIDTH / max(len(values), 1)
    bars = []
    for index, value in enumerate(values):
        height = max(value, 0) / top * HEIGHT if value else 0
        height = max(height, 1) if value and value > 0 else 0
        bars.append(
            Bar(
                round(index * column + column * 0.12, 1),
                round(HEIGHT - height, 1),
                round(column * 0.76, 1),
                round(height, 1),
            )
        )
    return bars


def spark_points(values: Values) -> list[str]:
    """The small line beside a figure."""
    return chart_paths(values, chart_top([values]), SPARK_WIDTH, SPARK_HEIGHT)


def register(app: Flask) -> None:
    """Give templates the functions."""
    app.jinja_env.globals.update(
        chart_top=chart_top, chart_paths=chart_paths, chart_bars=chart_bars, spark_points=spark_points
    )
