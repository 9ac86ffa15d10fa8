"""Figures over a range of days: what is counted, where, and for whom."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from app.analytics.repo.figures import AnalyticsRepo, Figures
from app.analytics.services.periods import read_period
from app.db.base import db
from app.web import spans
from app.web.zones import time_zones
from tests.factories import agents, orgs, threads
from tests.support.queries import queries

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def days_ago(days, hour=12):
    return NOW.replace(hour=hour) - timedelta(days=days)


@pytest.fixture
def report(acting, org):
    """A function that adds up the figures of the organisation for a range."""

    def add_up(raw="7d", zone=BERLIN):
        acting(org)
        return AnalyticsRepo(db.session()).report(org.id, read_period(raw, zone, NOW).period)

    return add_up


def test_everything_is_counted_by_day_agent_and_model(report, org):
    agent, user = agents.agent(org, name="Support"), orgs.member(org)
    mine = threads.thread(org, user, agent_id=agent.id, created_at=days_ago(1))
    guest = threads.thread(org, origin="api", external_user="Kim", created_at=days_ago(0))
    threads.message(mine, role="user", created_at=days_ago(1))
    answer = threads.message(
        mine,
        role="assistant",
        model="m1",
        input_tokens=10,
        output_tokens=5,
        cost_micros=7,
        created_at=days_ago(1),
    )
    threads.message(guest, role="user", created_at=days_ago(0))
    threads.message(
        guest, parts=[{"kind": "error", "message": "No."}], role="assistant", created_at=days_ago(0)
    )
    threads.feedback(answer, user, 1, created_at=days_ago(0))
    found = report()
    assert found.total == Figures(2, 4, 2, 15, 7, 1, 1, 0)
    assert found.by_day[date(2026, 11, 24)] == Figures(1, 2, 1, 15, 7, 0, 0, 0)
    assert found.by_day[date(2026, 11, 25)] == Figures(1, 2, 1, 0, 0, 1, 1, 0)
    assert found.by_day[date(2026, 11, 20)] == Figures()
    assert len(found.by_day) == 7
    assert {found.words(key): figures.messages for key, figures in found.by_agent.items()} == {
        "Support": 2,
        "None": 2,
    }
    assert found.by_model["m1"] == Figures(0, 1, 0, 15, 7, 0, 1, 0)


def test_latency_is_that_of_answers_that_ended_well(report, org):
    agent = agents.agent(org, name="Support")
    thread = threads.thread(org, origin="api", agent_id=agent.id, created_at=days_ago(9))

    def answer(latency_ms, days=1, **values):
        told = {"role": "assistant", "model": "m1", "created_at": days_ago(days), "latency_ms": latency_ms}
        threads.message(thread, **(told | values))

    for number in range(1, 102):
        answer(number * 100)
    answer(7, days=0, model=None)
    answer(400, days=9)
    answer(None)
    answer(90_000, status="stopped")
    answer(90_000, parts=[{"kind": "error", "message": "No."}])
    answer(90_000, role="user", model=None)

    def latency(figures):
        return figures.latency_p50_ms, figures.latency_p95_ms

    found = report()
    assert latency(found.total) == (5050, 9595)
    assert latency(found.previous) == (400, 400)
    assert latency(found.by_day[date(2026, 11, 24)]) == (5100, 9600)
    assert latency(found.by_day[date(2026, 11, 25)]) == (7, 7)
    assert latency(found.by_day[date(2026, 11, 23)]) == (None, None)
    assert latency(found.by_agent[agent.id]) == (5050, 9595)
    assert latency(found.by_model["m1"]) == (5100, 9600)


def test_the_days_before_are_compared(report, org):
    thread = threads.thread(org, origin="api", created_at=days_ago(9))
    threads.message(thread, created_at=days_ago(9))
    threads.message(thread, created_at=days_ago(30))
    found = report()
    assert (found.total, found.previous) == (Figures(), Figures(threads=1, messages=1))


def test_days_are_those_of_the_zone(report, org):
    thread = threads.thread(org, origin="api", created_at=days_ago(0))
    threads.message(thread, created_at=days_ago(1, hour=23))
    assert report(zone=BERLIN).by_day[date(2026, 11, 25)].messages == 1
    assert report(zone=ZoneInfo("UTC")).by_day[date(2026, 11, 24)].messages == 1


def test_days_are_those_of_every_zone_that_people_choose(report, org):
    thread = threads.thread(org, origin="api", created_at=days_ago(0))
    moments = [days_ago(0), days_ago(1, hour=23), days_ago(3, hour=0)]
    for moment in moments:
        threads.message(thread, created_at=moment)
    for name in time_zones():
        wanted = Counter(moment.astimezone(ZoneInfo(name)).date() for moment in moments)
        found = report(zone=ZoneInfo(name)).by_day
        assert {day: figures.messages for day, figures in found.items() if figures.messages} == wanted, name


def test_a_zone_that_the_database_does_not_know_has_days_all_the_same(report, org, monkeypatch):
    thread = threads.thread(org, origin="api", created_at=days_ago(0))
    threads.message(thread, created_at=days_ago(1, hour=23))
    with resources.files("tzdata").joinpath("zoneinfo", "Europe", "Berlin").open("rb") as rules:
        new = ZoneInfo.from_file(rules, key="Europe/Atlantis")
    monkeypatch.setattr(spans, "ZoneInfo", lambda _name: new)
    for raw in ("7d", "2026-11-20..2026-11-25"):
        assert report(raw, new).by_day[date(2026, 11, 25)].messages == 1


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Apia", date(2011, 12, 31)), ("Pacific/Kwajalein", date(1993, 8, 22))]
)
def test_a_day_that_a_zone_left_out_counts_nothing(report, org, zone, day):
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    thread = threads.thread(org, origin="api", created_at=noon)
    threads.message(thread, created_at=noon)
    found = report(f"{day - timedelta(days=5)}..{day + timedelta(days=1)}", ZoneInfo(zone)).by_day
    assert {day: figures.messages for day, figures in found.items() if figures.messages} == {day: 1}


def test_deleted_threads_and_other_organisations_do_not_count(report, org):
    threads.message(threads.thread(org, deleted_at=NOW, created_at=NOW), created_at=days_ago(0))
    threads.message(threads.thread(orgs.org(), created_at=NOW), created_at=days_ago(0))
    assert report().total == Figures()


def test_a_report_is_five_statements(report, org):
    threads.message(threads.thread(org))
    with queries(max=5):
        report()


@pytest.mark.parametrize(
    ("raw", "text", "first", "last"),
    [
        ("", "30d", "2026-10-27", "2026-11-25"),
        ("7d", "7d", "2026-11-19", "2026-11-25"),
        ("1d", "1d", "2026-11-25", "2026-11-25"),
        ("2026-11-01..2026-11-03", "2026-11-01..2026-11-03", "2026-11-01", "2026-11-03"),
        ("2026-11-20..", "2026-11-20..", "2026-11-20", "2026-11-25"),
        ("2026-11-20", "2026-11-20", "2026-11-20", "2026-11-20"),
    ],
)
def test_ranges(raw, text, first, last):
    choice = read_period(raw, BERLIN, NOW)
    assert (choice.text, str(choice.period.days[0]), str(choice.period.days[-1])) == (text, first, last)
    assert choice.notice is None
    assert choice.period.start - choice.period.before == choice.period.end - choice.period.start or raw == ""


@pytest.mark.parametrize("raw", ["x", "24h", "..2026-11-01", "0000-00-00", "9" * 99])
def test_what_is_no_range_shows_the_usual_days_and_says_so(raw):
    choice = read_period(raw, BERLIN, NOW)
    assert (choice.text, choice.notice) == (
        "30d",
        "The range was not understood; the last 30 days are shown.",
    )


@pytest.mark.parametrize("raw", ["9999d", "2001-01-01..", "2001-01-01..9999-12-30"])
def test_at_most_a_year_is_added_up(raw):
    choice = read_period(raw, BERLIN, NOW)
    assert len(choice.period.days) == 366
    assert "366 days" in choice.notice
