"""When schedules run: cron lines in zones, over the changes of the clock, intervals, and what is no timing (TK-4)."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from app.tasks.slots import (
    SlotError,
    Timing,
    check,
    due_slots,
    latest_slots,
    next_slot,
    preview,
    slots,
)

START = datetime(2020, 1, 1, tzinfo=UTC)


def cron(line, zone="UTC"):
    return Timing(line, None, None, START, zone)


def local(zone, *parts):
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(timing, after, count):
    zone = ZoneInfo(timing.time_zone)
    return [
        (f"{slot.at.astimezone(zone):%m-%d %H:%M}", slot.note)
        for slot in preview(timing, after.astimezone(UTC), count)
    ]


def test_tk_4_a_time_the_spring_change_leaves_out_runs_once_at_the_change():
    berlin = cron("30 2 * * *", "Europe/Berlin")
    assert shown(berlin, local("Europe/Berlin", 2026, 3, 28, 3), 3) == [
        ("03-29 03:00", "moved"),
        ("03-30 02:30", ""),
        ("03-31 02:30", ""),
    ]
    new_york = cron("30 2 * * *", "America/New_York")
    assert shown(new_york, local("America/New_York", 2026, 3, 7, 3), 2) == [
        ("03-08 03:00", "moved"),
        ("03-09 02:30", ""),
    ]


def test_tk_4_a_time_the_autumn_change_repeats_runs_once_at_the_first():
    berlin = cron("30 2 * * *", "Europe/Berlin")
    found = preview(berlin, local("Europe/Berlin", 2026, 10, 24, 3), 2)
    assert [(slot.at, slot.note) for slot in found] == [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "first"),
        (datetime(2026, 10, 26, 1, 30, tzinfo=UTC), ""),
    ]
    new_york = cron("30 1 * * *", "America/New_York")
    assert shown(new_york, local("America/New_York", 2026, 10, 31, 2), 2) == [
        ("11-01 01:30", "first"),
        ("11-02 01:30", ""),
    ]


def test_tk_4_a_schedule_edited_within_the_repeated_hour_does_not_run_in_the_past():
    berlin = cron("50 2 * * *", "Europe/Berlin")
    second_ten_past_two = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert next_slot(berlin, second_ten_past_two) == local("Europe/Berlin", 2026, 10, 26, 2, 50)


def test_tk_4_what_follows_elapsed_time_is_not_shifted():
    berlin = cron("*/30 * * * *", "Europe/Berlin")
    autumn = list(islice(slots(berlin, datetime(2026, 10, 25, 0, 0, tzinfo=UTC)), 5))
    assert [later - earlier for earlier, later in pairwise(autumn)] == [timedelta(minutes=30)] * 4
    notes = [slot.note for slot in preview(berlin, datetime(2026, 10, 24, 23, 59, tzinfo=UTC), 5)]
    assert notes == ["first", "first", "repeated", "repeated", ""]
    every = Timing(None, 3600, None, datetime(2026, 3, 28, 22, 10, tzinfo=UTC), "Europe/Berlin")
    spring = list(islice(slots(every, datetime(2026, 3, 28, 23, 0, tzinfo=UTC)), 4))
    assert spring[0] == datetime(2026, 3, 28, 23, 10, tzinfo=UTC)
    assert spring[3] - spring[0] == timedelta(hours=3)


def test_tk_4_zones_without_changes_and_with_odd_offsets():
    kolkata = cron("0 9 * * *", "Asia/Kolkata")
    assert next_slot(kolkata, START) == datetime(2020, 1, 1, 3, 30, tzinfo=UTC)
    assert next_slot(cron("0 9 * * *"), START) == datetime(2020, 1, 1, 9, tzinfo=UTC)


def test_tk_4_month_ends_and_the_29_of_february():
    leap = list(islice(slots(cron("0 0 29 2 *"), START), 3))
    assert [(slot.year, slot.month, slot.day) for slot in leap] == [
        (2020, 2, 29),
        (2024, 2, 29),
        (2028, 2, 29),
    ]
    last = list(islice(slots(cron("0 0 L * *"), START), 3))
    assert [slot.day for slot in last] == [31, 29, 31]
    assert [slot.month for slot in islice(slots(cron("0 0 31 * *"), START), 4)] == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0 31 2 *", "day of month"),
        ("0 0 30 2 *", "day of month"),
        ("0 0 * * * *", "five fields"),
        ("@reboot", "five fields"),
        ("@daily", "five fields"),
        ("", "five fields"),
        ("*/0 * * * *", "minute"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("٣ * * * *", "minute"),
        ("1" * 300 + " * * * *", "five fields"),
        ("x; DROP TABLE * * *", "minute"),
    ],
)
def test_tk_4_what_is_no_cron_line_is_refused_in_one_sentence(line, words):
    with pytest.raises(SlotError, match=words):
        check(cron(line))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "europe", "UTC\0"])
def test_tk_4_an_unknown_zone_is_refused(zone):
    with pytest.raises(SlotError, match="no time zone"):
        check(cron("0 3 * * *", zone))


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("30 2 * * *", "Europe/Berlin"),
        ("*/7 1-3 * * *", "America/New_York"),
        ("15 * * * *", "Australia/Lord_Howe"),
        ("0 0 * * 0", "America/Santiago"),
    ],
)
def test_tk_4_walking_slot_by_slot_gives_what_was_shown(line, zone):
    timing, moment = cron(line, zone), datetime(2026, 1, 1, tzinfo=UTC)
    together = list(islice(slots(timing, moment), 3000))
    assert together == sorted(set(together))
    one_by_one = []
    for _ in range(3000):
        found = next_slot(timing, moment)
        assert found is not None
        moment = found
        one_by_one.append(found)
    assert one_by_one == together


def test_intervals_count_from_their_start():
    every = Timing(None, 600, None, START)
    assert next_slot(every, START - timedelta(days=1)) == START
    assert next_slot(every, START) == START + timedelta(minutes=10)
    assert next_slot(every, START + timedelta(seconds=1)) == START + timedelta(minutes=10)


def test_once_is_once():
    once = Timing(None, None, START, START)
    assert next_slot(once, START - timedelta(seconds=1)) == START
    assert next_slot(once, START) is None


def test_the_slots_until_now_first_and_last():
    minutely = cron("* * * * *")
    now = START + timedelta(hours=3, seconds=30)
    assert len(due_slots(minutely, START, now, 1000)) == 181
    assert due_slots(minutely, START, now, 3)[-1] == START + timedelta(minutes=2)
    assert latest_slots(minutely, START, now, 2) == [
        START + timedelta(minutes=179),
        START + timedelta(minutes=180),
    ]
    assert latest_slots(minutely, START, START + timedelta(days=900), 100)[-1] == START + timedelta(days=900)
    assert latest_slots(cron("0 0 29 2 *"), datetime(2020, 2, 29, tzinfo=UTC), now, 5) == [
        datetime(2020, 2, 29, tzinfo=UTC)
    ]
