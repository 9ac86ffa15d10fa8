"""The Jinja environment: strict names, filters for values people read, and `ui`, the shared macros."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g, has_request_context, request
from jinja2 import Environment, StrictUndefined
from jinja2.runtime import Macro
from markupsafe import Markup

from app.web.zones import time_zones

ZONE_COOKIE = "time_zone"
MAIL = "email/macros.html"
OFTEN = {"icon", "avatar", "copy_beside", "shortcut_list"}
"""Macros that pages ask for often and whose answer hangs on their few words alone: it is kept."""
_DAY = timedelta(days=1)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Macros:
    """Every macro of `templates/ui/*.html` and of the mail templates as an attribute, whatever file it stands in.

    AttributeError for an unknown name; ValueError if two files define the same one.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._files: Mapping[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        files = self._files or self._find()
        if name not in files:
            raise AttributeError(f"templates/ui defines no macro {name!r}")
        found = getattr(self._environment.get_template(files[name]).module, name)
        if not self._environment.auto_reload:
            self.__dict__[name] = found = lru_cache(maxsize=256)(found) if name in OFTEN else found
        return found

    def __dir__(self) -> list[str]:
        return sorted(self._files or self._find())

    def _find(self) -> Mapping[str, str]:
        files: dict[str, str] = {}
        for path in self._environment.list_templates(filter_func=_holds_macros):
            for name, value in vars(self._environment.get_template(path).module).items():
                if not isinstance(value, Macro) or name.startswith("_"):
                    continue
                if files.setdefault(name, path) != path:
                    raise ValueError(f"the macro {name!r} is in {files[name]} and in {path}")
        self._files = files
        return files


def _holds_macros(path: str) -> bool:
    return path == MAIL or (path.startswith("ui/") and path.endswith(".html"))


def viewer_zone() -> ZoneInfo:
    """The zone in which this request shows its times, see `choose_zone`; of a visitor not signed in the browser's."""
    return g.get("viewer_zone") or choose_zone(None, None)


def choose_zone(own: str | None, of_org: str | None) -> ZoneInfo:
    """Show times in the zone that the visitor chose, else in the browser's, the organisation's, UTC."""
    browser = request.cookies.get(ZONE_COOKIE, "") if has_request_context() else ""
    found = (zone for name in (own, browser, of_org) if name and (zone := _zone(name)))
    zone = g.viewer_zone = next(found, ZoneInfo("UTC"))
    return zone


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in time_zones() else None


def iso_time(moment: datetime) -> str:
    """The moment in UTC for `<time datetime>`."""
    return moment.astimezone(UTC).isoformat()[:19] + "Z"


def full_time(moment: datetime) -> str:
    """`25 Nov 2026, 14:03 CET`, in the viewer's zone."""
    return time_words(moment, "full")[1]


def time_words(moment: datetime, shown: str) -> tuple[str, str, str]:
    """The moment as `<time>` shows it: in UTC, in full, and in words: `ago`, its `date`, or in `full`."""
    local = moment.astimezone(viewer_zone())
    day = day_words(local)
    full = f"{day}, {local.hour:02}:{local.minute:02} {local.tzname()}"
    words = full if shown == "full" else day if shown == "date" else ago(local)
    return iso_time(moment), full, words


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`5 min ago`, `in 3 h` within a day of now; beyond, the date in the moment's own zone."""
    distance = moment - (now or datetime.now(UTC))
    if abs(distance) >= _DAY:
        return day_words(moment)
    minutes = int(abs(distance).total_seconds() // 60)
    if minutes < 1:
        return "just now" if distance <= timedelta() else "in a moment"
    words = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
    return f"in {words}" if distance > timedelta() else f"{words} ago"


def grouped(value: float) -> str:
    """`1,204`."""
    return f"{value:,}"


def byte_size(count: int) -> str:
    """`812 B`, `1.4 kB`, `20 MB`: steps of 1000."""
    if count < 1000:
        return f"{count} B"
    step = min(int(math.log(count, 1000)), 4)
    amount = count / 1000**step
    return f"{amount:{'.3g' if amount < 999.5 else ',.0f'}} {('', 'kB', 'MB', 'GB', 'TB')[step]}"


def size_bound(count: int) -> str:
    """What a file may have at most: `50 MiB`, `16 GiB` where it is so many, otherwise as `byte_size`."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2)):
        if count and count % size == 0:
            return f"{count // size:,} {unit}"
    return byte_size(count)


def duration_words(seconds: float) -> str:
    """`340 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    parts: list[str] = []
    rest = int(seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def money_words(amount: Decimal | float, currency: str = "USD") -> str:
    """`USD 1,204.50`; amounts below one keep four decimals."""
    amount = Decimal(str(amount))
    return f"{currency} {amount:,.2f}" if not amount or abs(amount) >= 1 else f"{currency} {amount:.4f}"


def day_words(day: date) -> str:
    """`25 Nov 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def wrong_fields(fields: Iterable[Any], body: str) -> list[Any]:
    """The fields with an error, in the order in which this markup shows them."""
    found = {field: body.find(f'id="{field.id}"') for field in fields if field.errors}
    return sorted(found, key=lambda field: found[field])


def _shape(environment: Environment, name: str) -> Markup:
    """The markup of an icon; an unknown name is an error."""
    return Markup(environment.get_template(f"ui/icons/{name}.svg").render())  # noqa: S704 - a file of ours


def register(app: Flask) -> None:
    """Make an unknown name an error, and give templates the filters and `ui`."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    for shown in (
        iso_time,
        full_time,
        time_words,
        grouped,
        byte_size,
        size_bound,
        duration_words,
        money_words,
        day_words,
    ):
        environment.filters[shown.__name__] = shown
    environment.filters[wrong_fields.__name__] = wrong_fields
    environment.globals["ui"] = Macros(environment)
    environment.globals["icon_shape"] = lru_cache(maxsize=128)(partial(_shape, environment))
