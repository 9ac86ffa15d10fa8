"""The runs to come of an organisation's schedules, day by day of one month."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.tasks.models import Schedule
from app.tasks.repo.schedules import ScheduleRepo
from app.tasks.services.schedules import timing_of
from app.tasks.slots import slots

MOST_SCHEDULES = 50
MOST_A_DAY = 3
"""How many runs of a schedule a day names; of more it says that there are more."""
MOST_MONTHS = 12
"""How many months ahead the calendar goes."""
INSTANT = timedelta(microseconds=1)
"""The smallest step of a clock: intervals count from the moment of their beginning, not from a whole second."""


@dataclass(frozen=True)
class DayRuns:
    """The runs of a schedule on a day: the first MOST_A_DAY, and whether there are more."""

    schedule_id: UUID
    name: str
    moments: Sequence[datetime]
    more: bool


@dataclass(frozen=True)
class Day:
    """A day with runs, in the order of their first."""

    date: date
    runs: Sequence[DayRuns]


@dataclass(frozen=True)
class Month:
    """A month as `first`, its first day, with the days that have runs; `cut` if some schedules are left out."""

    first: date
    days: Sequence[Day]
    previous: str | None
    next: str | None
    cut: bool


def month_named(text: str, today: date) -> date | None:
    """The first day of a month written as 2026-12, from this one to a year ahead; None for anything else."""
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return first if 0 <= _distance(today, first) <= MOST_MONTHS else None


def month_of(org_id: UUID, first: date, zone: ZoneInfo) -> Month:
    """The month that begins with `first`, its days as they are in the zone; one statement."""
    end = _month_after(first)
    found = ScheduleRepo().to_come(org_id, _begin(end, zone), MOST_SCHEDULES + 1)
    days: dict[date, list[DayRuns]] = defaultdict(list)
    for schedule in found[:MOST_SCHEDULES]:
        for day, runs in _runs(schedule, _begin(first, zone), _begin(end, zone), zone):
            days[day].append(runs)
    today = datetime.now(zone).date()
    return Month(
        first=first,
        days=[
            Day(day, sorted(days[day], key=lambda runs: (runs.moments[0], runs.name))) for day in sorted(days)
        ],
        previous=f"{first - timedelta(days=1):%Y-%m}" if _distance(today, first) > 0 else None,
        next=f"{end:%Y-%m}" if _distance(today, first) < MOST_MONTHS else None,
        cut=len(found) > MOST_SCHEDULES,
    )


def _runs(
    schedule: Schedule, begin: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[date, DayRuns]]:
    """The days of a schedule between two moments, each looked at no further than one run too many."""
    assert schedule.next_run_at is not None
    after = max(begin, schedule.next_run_at) - INSTANT
    last = min(end - INSTANT, schedule.ends_at or end)
    while True:
        upcoming = slots(timing_of(schedule), after)
        first = next(upcoming, None)
        if first is None or first > last:
            return
        day = first.astimezone(zone).date()
        tomorrow = _begin(day + timedelta(days=1), zone)
        moments = [first]
        for slot in upcoming:
            if slot >= tomorrow or slot > last or len(moments) > MOST_A_DAY:
                break
            moments.append(slot)
        shown = moments[:MOST_A_DAY]
        yield day, DayRuns(schedule.id, schedule.name, shown, more=len(moments) > MOST_A_DAY)
        after = tomorrow - INSTANT


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _month_after(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _distance(today: date, first: date) -> int:
    """How many months later than today's a month is."""
    return (first.year - today.year) * 12 + first.month - today.month
