"""The runs to come under the form of a schedule, while it is edited."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.tasks.models import Schedule
from tests.factories import tasks
from tests.factories.rows import rows
from tests.support.pages import parse
from tests.tasks.test_schedule_pages import FORM

NEW = "/o/acme/schedules/new"


def previewed(member, changes, path=NEW):
    """What the preview says of a form with these changes, as scripts are given it."""
    answer = member.submit(f"{path}?act=preview", {**FORM, **changes}, htmx=True)
    assert answer.status_code == 200
    assert "<h1" not in answer.text
    return parse(answer.text).find(id="next_runs")


def moments(part):
    """The moments of the runs it shows."""
    return [datetime.fromisoformat(time["datetime"]) for time in part.select("tbody th time")]


def test_the_fields_of_the_timing_ask_for_the_preview_and_nothing_is_stored(org, member):
    asks = member.page(NEW).find(attrs={"hx-post": f"{NEW}?act=preview"})
    assert asks["hx-target"] == "#next_runs"
    for field in ("cron", "every_minutes", "run_at", "time_zone", "paused_until", "ends_at"):
        assert asks.find(id=field), field
    part = previewed(member, {"name": "", "kind": ""})
    assert "At 02:30 every day" in part.text
    assert [row.th.text[-9:-4] for row in part.select("tbody tr")] == ["02:30"] * 5
    assert rows(Schedule) == []


def test_it_begins_after_the_pause_ends_at_the_end_and_tells_of_the_changes_of_the_clock(org, member):
    part = previewed(member, {"paused_until": "2190-03-27T00:00", "ends_at": "2190-03-29T00:00"})
    assert moments(part) == [
        datetime(2190, 3, 27, 1, 30, tzinfo=UTC),
        datetime(2190, 3, 28, 1, 0, tzinfo=UTC),
    ]
    assert "the clock skips this time" in part.text
    assert (
        "No runs to come"
        in previewed(member, {"paused_until": "2190-03-27T03:00", "ends_at": "2190-03-27T04:00"}).text
    )


def test_intervals_and_single_runs(org, member):
    found = moments(previewed(member, {"timing": "every", "every_minutes": "90"}))
    assert [after - before for before, after in pairwise(found)] == [timedelta(minutes=90)] * 4
    once = previewed(member, {"timing": "once", "run_at": "2190-07-01T09:00", "cron": "wrong"})
    assert moments(once) == [datetime(2190, 7, 1, 7, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cron": ""}, "Use five fields"),
        ({"cron": "99 * * * *"}, "The minute of the cron line is wrong."),
        ({"cron": "a\0² * * * *"}, "The minute of the cron line is wrong."),
        ({"cron": "0 0 31 2 *"}, "The day of month of the cron line is wrong."),
        ({"time_zone": "Mars/Olympus"}, "time zone of the list"),
        ({"timing": ""}, "Choose when"),
        ({"timing": "every", "every_minutes": "soon"}, "number of minutes from 1 to"),
        ({"timing": "once"}, "Enter a date and a time."),
        ({"timing": "once", "run_at": "soon"}, "Enter a date and a time, such as"),
        ({"paused_until": "0001-01-01T00:00"}, "Enter a year from 2000 to 2199."),
        ({"ends_at": "2001-01-01T00:00"}, "Enter a moment to come."),
        ({"paused_until": "2190-01-02T00:00", "ends_at": "2190-01-01T00:00"}, "behind the pause"),
    ],
)
def test_what_does_not_fit_is_said_in_place_of_the_runs(org, member, changes, words):
    part = previewed(member, changes)
    assert words in part.text
    assert not part.table


def test_usual_cron_lines_are_offered_with_what_they_mean(member):
    offered = {line["value"]: line.text for line in member.page(NEW).select("#cron-lines option")}
    assert offered["0 9 * * 1-5"] == "Mondays to Fridays at 9:00"
    for line in offered:
        assert len(moments(previewed(member, {"cron": line}))) == 5


def test_columns_that_would_say_nothing_are_left_out(member):
    def heads(zone, cron="0 3 * * *"):
        part = previewed(member, {"cron": cron, "time_zone": zone})
        return [head.text.strip() for head in part.select("thead th")]

    assert heads("UTC") == ["In UTC"]
    assert heads("Asia/Tokyo") == ["In Asia/Tokyo", "Your time"]


def test_an_edited_schedule_shows_its_runs_at_once_and_keeps_its_beat(org, member):
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    schedule = tasks.schedule(
        org, kind="agent.export", cron=None, every_seconds=3600, starts_at=begin, enabled=False
    )
    path = f"/o/acme/schedules/{schedule.id}/edit"
    page = member.page(path).find(id="next_runs")
    assert moments(page)[0] == begin + timedelta(hours=1)
    assert "It is turned off" in page.text
    assert moments(previewed(member, {"timing": "every", "every_minutes": "30"}, path))[
        0
    ] == begin + timedelta(minutes=30)


def test_without_scripts_a_button_shows_the_page_with_the_runs(org, member):
    page = parse(member.submit(NEW, {**FORM, "name": "", "act": "preview"}).text)
    assert page.h1
    assert len(page.select("#next_runs tbody tr")) == 5
    assert not page.select(".field-error")
