"""When a schedule runs: by cron in a time zone, every so many seconds, or once.

Slots are moments in UTC. A time of day that a clock change leaves out runs at the moment of the change, one that occurs
twice runs the first time; what follows elapsed time (`*` or `*/n` as minute or hour, intervals) is not shifted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.web.zones import time_zones

CRON_LENGTH = 200
SPANS = (timedelta(days=1), timedelta(days=32), timedelta(days=366), timedelta(days=366 * 9))
_FIELDS = {"Bad minute": "minute", "Bad hour": "hour", "Bad month": "month"}


class SlotError(ValueError):
    """What is wrong with a timing, in one sentence."""


@dataclass(frozen=True)
class Timing:
    """One of `cron` (five fields, in `time_zone`), `every_seconds` (counted from `starts_at`) and `run_at`."""

    cron: str | None
    every_seconds: int | None
    run_at: datetime | None
    starts_at: datetime
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Slot:
    """A moment to come; `note` is moved, first or repeated where the clock changes, else empty."""

    at: datetime
    note: str = ""


def check(timing: Timing) -> None:
    """Raise SlotError for a cron line or zone that cannot be used."""
    if timing.time_zone not in time_zones():
        raise SlotError(f"There is no time zone {timing.time_zone!r}.")
    if timing.cron is not None:
        check_cron(timing.cron)


def check_cron(line: str) -> None:
    """Raise SlotError for a cron line that cannot be used."""
    if len(line) > CRON_LENGTH or len(line.split()) != 5:
        raise SlotError("Use five fields: minute, hour, day of month, month, day of week.")
    try:
        next(CronSim(line, datetime.now(UTC)))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").replace("-", " ")
        raise SlotError(f"The {field} of the cron line is wrong.") from error
    except StopIteration as error:
        raise SlotError("This cron line names a day that never comes.") from error


def cron_words(line: str) -> str:
    """A cron line that `check` lets pass in words; where both days are given, that either of them counts."""
    found = CronSim(line, datetime.now(UTC))
    return found.explain() + ("" if found.day_and else ": either day counts")


def next_slot(timing: Timing, after: datetime) -> datetime | None:
    """The first slot behind a moment; None if there is none."""
    return next(slots(timing, after), None)


def slots(timing: Timing, after: datetime) -> Iterator[datetime]:
    """The slots behind a moment, in order. SlotError for a timing that `check` refuses."""
    if timing.cron is not None:
        yield from _cron_slots(timing.cron, timing.time_zone, max(after, timing.starts_at - _SECOND))
    elif timing.every_seconds is not None:
        step = timedelta(seconds=timing.every_seconds)
        number = max(0, (after - timing.starts_at) // step + 1)
        while True:
            yield timing.starts_at + number * step
            number += 1
    elif timing.run_at is not None and timing.run_at > after:
        yield timing.run_at


_SECOND = timedelta(seconds=1)


def _cron_slots(line: str, time_zone: str, after: datetime) -> Iterator[datetime]:
    try:
        for local in CronSim(line, after.astimezone(ZoneInfo(time_zone))):
            slot = local.astimezone(UTC)
            if slot > after:  # the later of two equal times of day would lead back to the earlier
                yield slot
    except CronSimError as error:
        raise SlotError(str(error)) from error


def due_slots(timing: Timing, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The slots from `first`, which is one, until now: the first `most` of them."""
    found = [first]
    for slot in slots(timing, first):
        if slot > now or len(found) >= most:
            break
        found.append(slot)
    return found


def latest_slots(timing: Timing, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The slots from `first`, which is one, until now: the last `most` of them, however many there were."""
    for span in SPANS:
        if now - span <= first:
            break
        found = _within(timing, now - span, now, most)
        if found:
            return found
    return _within(timing, first - _SECOND, now, most) or [first]


def _within(timing: Timing, after: datetime, now: datetime, most: int) -> list[datetime]:
    found: list[datetime] = []
    for slot in slots(timing, after):
        if slot > now:
            break
        found = [*found[-most + 1 :], slot]
    return found


def preview(timing: Timing, after: datetime, count: int) -> list[Slot]:
    """The next slots, with a note where the clock of the zone changes."""
    found: list[Slot] = []
    for slot in slots(timing, after):
        if len(found) == count:
            break
        found.append(Slot(slot, _note(timing, slot)))
    return found


def _note(timing: Timing, slot: datetime) -> str:
    if timing.cron is None:
        return ""
    local = slot.astimezone(ZoneInfo(timing.time_zone))
    fields = CronSim(timing.cron, slot)
    if local.hour not in fields.hours or local.minute not in fields.minutes:
        return "moved"
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    return "repeated" if local.fold else "first"
