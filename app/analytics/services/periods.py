"""Which days figures are for."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.analytics.repo.figures import Period
from app.web.spans import read_span

USUAL = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days"}
DEFAULT = "30d"
MOST_DAYS = 366
BACKWARDS = "From is after To; the last 30 days are shown."
_EARLIEST = date(1, 1, 2)
"""Whose midnight is a moment in every zone."""


@dataclass(frozen=True)
class Choice:
    """The days asked for. `text` is their form in the address; `notice` says what could not be done."""

    text: str
    period: Period
    notice: str | None = None
    typed: tuple[str, str] | None = None

    @property
    def ends(self) -> tuple[str, str]:
        """First and last day as the form shows them: as they were typed, if they could not be used."""
        return self.typed or (str(self.period.days[0]), str(self.period.days[-1]))

    @property
    def dates(self) -> str:
        """The days as the lists of threads take them; open while the last one is today."""
        first, last = self.period.days[0], self.period.days[-1]
        return f"{first}.." if last >= datetime.now(ZoneInfo(self.period.zone)).date() else f"{first}..{last}"


def read_period(raw: str, zone: ZoneInfo, now: datetime | None = None) -> Choice:
    """`7d` (today and the six days before), or `2026-11-01..2026-11-23`; the last 30 days if it is neither.

    At most 366 days, the newest of those asked for. An open end is today.
    """
    if backwards := _backwards(raw):
        return replace(read_period(DEFAULT, zone, now), notice=BACKWARDS, typed=backwards)
    raw, now = raw or DEFAULT, now or datetime.now(UTC)
    today = now.astimezone(zone).date()
    span = read_span(raw, zone.key, now)
    usable = span is not None and span.start is not None and not raw.endswith("h")
    notice = None if usable else "The range was not understood; the last 30 days are shown."
    if span is None or span.start is None or not usable:
        raw, first, last = DEFAULT, today - timedelta(days=29), today
    elif span.relative:
        first, last = today - timedelta(days=max(int(raw[:-1]), 1) - 1), today
    else:
        first = span.start.astimezone(zone).date()
        last = today if span.end is None else (span.end - timedelta(microseconds=1)).astimezone(zone).date()
    if (last - first).days >= MOST_DAYS:
        first = last - timedelta(days=MOST_DAYS - 1)
        notice = "Figures are for at most 366 days; the newest ones of those asked for are shown."
        raw = f"{first}..{last}"
    if last < first:
        return read_period("", zone, now)
    return Choice(raw, _period(first, last, zone), notice)


def _backwards(raw: str) -> tuple[str, str] | None:
    """The days of a range whose last lies before its first."""
    ends = tuple(raw.split(".."))
    try:
        first, last = (date.fromisoformat(end) for end in ends)
    except ValueError:
        return None
    return (str(first), str(last)) if last < first else None


def _period(first: date, last: date, zone: ZoneInfo) -> Period:
    count = (last - first).days + 1
    days = [first + timedelta(days=index) for index in range(count)]
    earlier = min(count, max((first - _EARLIEST).days, 0))
    return Period(
        before=_midnight(first - timedelta(days=earlier), zone),
        start=_midnight(first, zone),
        end=_midnight(last + timedelta(days=1), zone),
        zone=zone.key,
        days=days,
        midnights=[_midnight(day, zone) for day in days],
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
