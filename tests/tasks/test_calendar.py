"""The calendar of runs to come: bounded, in the visitor's zone, one organisation's."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.tasks.services import calendar
from tests.factories import orgs, tasks
from tests.support.queries import queries

BERLIN = ZoneInfo("Europe/Berlin")
MARCH = date(2031, 3, 1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PATH = "/o/acme/schedules/calendar"


@pytest.fixture
def march(acting, org):
    """A function that returns the days of March 2031 as Berlin has them: date to what runs."""
    acting(org, orgs.member(org))

    def shown():
        found = calendar.month_of(org.id, MARCH, BERLIN)
        return {
            day.date.day: [
                (runs.name, [f"{moment.astimezone(BERLIN):%H:%M}" for moment in runs.moments], runs.more)
                for runs in day.runs
            ]
            for day in found.days
        }

    return shown


def schedule(org, **values):
    begin = {"starts_at": LONG_AGO, "next_run_at": datetime(2031, 3, 1, tzinfo=UTC)}
    return tasks.schedule(org, **{**begin, **values})


def test_days_are_those_of_the_zone_over_a_change_of_the_clock(org, march):
    schedule(org, name="Night", cron="30 2 * * *", time_zone="Europe/Berlin")
    schedule(org, name="Late", cron="30 23 * * *", time_zone="UTC")
    found = march()
    assert sorted(found) == list(range(1, 32))
    assert found[2] == [("Late", ["00:30"], False), ("Night", ["02:30"], False)]
    assert found[30] == [("Late", ["00:30"], False), ("Night", ["03:00"], False)], (
        "the clock skips half past two"
    )
    assert found[31][0] == ("Late", ["01:30"], False)


def test_a_day_names_three_runs_and_says_that_there_are_more(org, march):
    schedule(org, name="Often", cron="* * * * *")
    schedule(org, name="Thrice", cron="0 3,6,9 5 * *", time_zone="Europe/Berlin")
    found = march()
    assert found[5] == [
        ("Often", ["00:00", "00:01", "00:02"], True),
        ("Thrice", ["03:00", "06:00", "09:00"], False),
    ]
    assert len(found) == 31


def test_pause_end_single_runs_and_intervals(org, march):
    schedule(org, name="Paused", next_run_at=datetime(2031, 3, 29, tzinfo=UTC), cron="0 12 * * *")
    schedule(org, name="Ending", ends_at=datetime(2031, 3, 3, 12, tzinfo=UTC), cron="0 12 * * *")
    at = datetime(2031, 3, 15, 8, tzinfo=UTC)
    schedule(org, name="Once", run_at=at, next_run_at=at)
    schedule(org, name="Off", enabled=False)
    schedule(org, name="Over", next_run_at=None)
    schedule(org, name="April", next_run_at=datetime(2031, 3, 31, 22, tzinfo=UTC), cron="0 22 * * *")
    tasks.schedule(orgs.org(), name="Elsewhere", next_run_at=at)
    days = {}
    for day, runs in march().items():
        for name, _, _ in runs:
            days.setdefault(name, []).append(day)
    assert days == {"Paused": [29, 30, 31], "Ending": [1, 2, 3], "Once": [15]}


def test_a_run_within_the_last_second_of_a_day_belongs_to_that_day_once(org, march):
    begin = datetime(2031, 3, 1, 22, 59, 59, 700_000, tzinfo=UTC)
    schedule(org, name="Daily", every_seconds=86_400, starts_at=begin, next_run_at=begin)
    schedule(
        org, name="Hourly", every_seconds=3_600, starts_at=begin, next_run_at=begin, ends_at=begin + HOUR * 2
    )
    found = march()
    assert found[1] == [("Daily", ["23:59"], False), ("Hourly", ["23:59"], False)]
    assert found[2] == [("Hourly", ["00:59", "01:59"], False), ("Daily", ["23:59"], False)]
    assert sorted(found) == [*range(1, 30), 31], (
        "the clock goes forward on the 30th: a day's time ends behind it"
    )


def test_what_is_shown_is_bounded(org, acting):
    acting(org, orgs.member(org))
    for _ in range(51):
        schedule(org, cron="* * * * *")
    found = calendar.month_of(org.id, MARCH, BERLIN)
    assert found.cut
    assert {len(day.runs) for day in found.days} == {50}


def test_the_page_shows_this_month_and_leads_to_the_next_in_two_statements(org, viewer):
    nightly = tasks.schedule(org, name="Nightly", next_run_at=datetime.now(UTC) + timedelta(minutes=1))
    assert viewer.page("/o/acme/schedules").find("a", href=PATH)
    viewer.page(PATH)
    with queries(max=2):
        page = viewer.page(PATH)
    assert page.find(id="month-previous") is None
    following = viewer.page(page.find(id="month-next")["href"])
    assert following.find("a", href=f"/o/acme/schedules/{nightly.id}").get_text(strip=True) == "Nightly"
    assert following.find(id="month-previous")["href"] == f"{PATH}?month={datetime.now(UTC):%Y-%m}"
    for scope in ("col", "row"):
        assert following.select(f"th[scope={scope}]")


@pytest.mark.parametrize("month", ["1999-01", "2999-01", "nonsense", "2031-13", "\x00", "0001-01"])
def test_an_unknown_month_is_the_present_one(viewer, month):
    assert "This is the present one" in viewer.page(f"{PATH}?month={month}").get_text()


def test_the_last_month_leads_back_only(viewer):
    last = datetime.now(UTC).date().replace(day=1)
    for _ in range(12):
        last = (last + timedelta(days=32)).replace(day=1)
    page = viewer.page(f"{PATH}?month={last:%Y-%m}")
    assert page.find(id="month-previous")
    assert page.find(id="month-next") is None


def test_strangers_see_no_calendar(org, new_client):
    tasks.schedule(org, next_run_at=datetime.now(UTC) + timedelta(hours=1))
    stranger = new_client(orgs.member(orgs.org(slug="other")))
    assert stranger.get(PATH).status_code == 404
