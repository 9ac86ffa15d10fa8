"""Ranges of moments in an address: `7d`, `24h`, `2026-11-01..2026-11-23`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.web.filters import day_words


@dataclass(frozen=True)
class Span:
    """A range of moments; `text` is its canonical form in the address. Open ends are None.

    `relative` spans end now and therefore move.
    """

    text: str
    start: datetime | None
    end: datetime | None
    relative: bool = False

    @property
    def words(self) -> str:
        """The range for people: `last 30 days`, `since 1 Nov 2026`, `1 Nov 2026 to 23 Nov 2026`."""
        if self.relative:
            number, unit = int(self.text[:-1]), {"d": "day", "h": "hour"}[self.text[-1]]
            return f"last {unit}" if number == 1 else f"last {number} {unit}s"
        first, dots, last = self.text.partition("..")
        days = [day_words(date.fromisoformat(end)) for end in (first, last) if end]
        if len(days) == 2:
            return " to ".join(days) if first != last else days[0]
        return f"{'since' if first else 'until'} {days[0]}" if dots else days[0]


def read_span(raw: str, zone: str, now: datetime | None = None) -> Span | None:
    """`7d`, `24h`, `2026-11-01..2026-11-23` with open ends; days in `zone`. None if it is neither."""
    now = now or datetime.now(UTC)
    number, unit = raw[:-1], raw[-1:]
    if number.isascii() and number.isdigit() and len(number) <= 4 and unit in {"d", "h"}:
        length = timedelta(days=int(number)) if unit == "d" else timedelta(hours=int(number))
        return Span(raw, now - length, None, relative=True)
    first, dots, last = raw.partition("..")
    try:
        start = _midnight(first, zone) if first else None
        end = _midnight(last if dots else first, zone, days=1) if last or not dots else None
    except (ValueError, OverflowError):
        return None
    if (start is None and end is None) or (start and end and start >= end):
        return None
    return Span(raw, start, end)


def _midnight(text: str, zone: str, days: int = 0) -> datetime:
    day = date.fromisoformat(text) + timedelta(days=days)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
