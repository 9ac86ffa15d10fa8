"""The pages of figures and of the search in messages, through the browser's eyes."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from app.analytics.views import figures
from app.db.session import TooSlow
from tests.factories import agents, orgs, threads, world
from tests.support.queries import queries


@pytest.fixture
def talk(org):
    """A thread of the API with a question and a failed answer, today."""
    agent = agents.agent(org, name="Support")
    thread = threads.thread(org, origin="api", external_user="Kim", name="Late parcel", agent_id=agent.id)
    threads.message(thread, "Where is my parcel & its <3 kilos?")
    threads.message(
        thread,
        parts=[{"kind": "error", "message": "No answer."}],
        role="assistant",
        model="m1",
        cost_micros=1_500_000,
    )
    return thread


def figures_of(page):
    return [tile.find("strong").text for tile in page.select("a.figure")]


def test_the_page_adds_up_and_leads_to_the_threads(member, talk):
    page = member.both("/o/acme/analytics?range=7d")
    assert figures_of(page) == ["1", "2", "1", "0", "USD 1.50", "1", "0", "0", "–", "–"]
    errors = page.select("a.figure")[5]["href"]
    assert [link.text for link in member.page(errors).select("th.cell-name a")] == ["Late parcel"]
    agent = page.find("a", string="Support")
    assert parse_qs(urlsplit(agent["href"]).query)["agent"] == [str(talk.agent_id)]
    assert "compared with the 7 days before" in page.text
    assert re.fullmatch(r"\d+ \w{3} \d{4}", page.select_one("#messages tbody th").text)
    assert "none before" in page.select("a.figure")[0].text


def test_the_threads_behind_a_figure_are_those_it_counts(member, org, talk):
    more = {"origin": "api", "agent_id": talk.agent_id}
    threads.message(threads.thread(org, name="Put away", archived=True, **more))
    threads.message(threads.thread(org, name="Gone", deleted_at=datetime.now(UTC), **more))
    page = member.page("/o/acme/analytics?range=7d")
    assert figures_of(page)[:2] == ["2", "3"]
    places = [page.select("a.figure")[0]["href"], page.find("a", string="Support")["href"]]
    for place in (*places, page.select("#messages a[href*=threads]")[-1]["href"]):
        listed = [link.text for link in member.page(place).select("th.cell-name a")]
        assert sorted(listed) == ["Late parcel", "Put away"], place


def named(client, place):
    return [link.text for link in client.page(place).select("th.cell-name a")]


def test_what_happens_in_older_threads_leads_to_them(member, org):
    long_ago = datetime.now(UTC) - timedelta(days=20)
    begun = {"origin": "api", "created_at": long_ago, "last_message_at": long_ago}
    threads.message(
        threads.thread(org, name="Goes on", **begun), role="assistant", error="Away", cost_micros=5
    )
    answer = threads.message(threads.thread(org, name="Rated late", **begun), created_at=long_ago)
    threads.feedback(answer, external_user="Kim")
    page = member.page("/o/acme/analytics?range=7d")
    for chart in ("messages", "threads", "tokens", "cost", "errors", "latency"):
        assert named(member, page.select(f"#{chart} tbody a")[-1]["href"]) == ["Goes on"], chart
    assert named(member, page.select("#feedback tbody a")[-1]["href"]) == ["Rated late"]
    assert named(member, page.select("a.figure")[6]["href"]) == ["Rated late"]


def test_threads_begun_after_the_days_are_not_behind_their_figures(member, org):
    now = datetime.now(UTC)
    for name, days in (("Then", 9), ("Now", 0)):
        moment = now - timedelta(days=days)
        thread = threads.thread(org, name=name, origin="api", created_at=moment, last_message_at=moment)
        threads.message(thread, created_at=moment)
    ends = [str((now - timedelta(days=days)).date()) for days in (10, 8)]
    page = member.page(f"/o/acme/analytics?range={'..'.join(ends)}")
    assert figures_of(page)[:2] == ["1", "1"]
    assert named(member, page.select("a.figure")[1]["href"]) == ["Then"]


def test_who_sees_a_part_of_the_threads_is_told_that_figures_count_all(member, owner, org):
    threads.thread(org, orgs.member(org))
    page = member.page("/o/acme/analytics?range=7d")
    assert figures_of(page)[0] == "1"
    assert named(member, page.select("a.figure")[0]["href"]) == []
    assert "those that you may see" in page.text
    assert "those that you may see" not in owner.page("/o/acme/analytics?range=7d").text


def test_groups_are_agents_or_models(member, talk):
    assert "Support" in member.page("/o/acme/analytics").text
    by_model = member.page("/o/acme/analytics?by=model")
    assert "m1" in by_model.text
    assert [head.text for head in by_model.select("#by-group ~ * thead th")][:3] == [
        "Model",
        "Messages",
        "Tokens",
    ]
    text = member.get("/o/acme/analytics/model.csv").get_data(as_text=True)
    assert text.removeprefix("\ufeff").startswith("model,messages,tokens,")
    assert member.page("/o/acme/analytics?by=nonsense").find("th", string="Agent")


def test_days_can_be_typed(member, talk):
    day = datetime.now(UTC).date()
    page = member.page(f"/o/acme/analytics?from={day - timedelta(days=1)}&to={day + timedelta(days=1)}")
    assert figures_of(page)[1] == "2"
    assert "not understood" in member.page("/o/acme/analytics?range=ever").text


def test_one_of_something_is_said_in_the_singular(member, talk):
    tiles = [
        " ".join(tile.find_all(string=True, recursive=False)).split()
        for tile in member.page("/o/acme/analytics?range=7d").select("a.figure")
    ]
    words = [" ".join(tile) for tile in tiles]
    assert words == [
        "thread begun",
        "messages",
        "active person",
        "tokens",
        "cost",
        "failed message, 50.0 % of all",
        "thumbs up",
        "thumbs down",
        "median latency (p50)",
        "latency at 95 % (p95)",
    ]


def test_latency_is_a_tile_a_chart_and_columns(member, owner, org, talk):
    earlier = datetime.now(UTC) - timedelta(days=8)
    threads.message(talk, "Soon.", role="assistant", latency_ms=4200)
    threads.message(talk, "Here.", role="assistant", latency_ms=2100, created_at=earlier)
    page = member.both("/o/acme/analytics?range=7d")
    assert figures_of(page)[-2:] == ["4.2 s", "4.2 s"]
    assert "100 % more" in page.select("a.figure")[-1].text
    numbers = page.find(id="latency").find_all("tr")
    assert [cell.text for cell in numbers[-1].find_all("td")] == ["4.2 s", "4.2 s"]
    assert [cell.text for cell in numbers[-2].find_all("td")] == ["–", "–"]
    assert [cell.text for cell in page.find("a", string="Support").find_parent("tr").find_all("td")][-2:] == [
        "4.2 s"
    ] * 2
    text = owner.get("/o/acme/analytics/agent.csv?range=7d").get_data(as_text=True)
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["latency_p50_ms"], row["latency_p95_ms"]) == ("4200", "4200")


def test_days_without_answers_are_told_from_fast_ones(member, talk):
    earlier = datetime.now(UTC) - timedelta(days=8)
    threads.message(talk, "Here.", role="assistant", latency_ms=2100, created_at=earlier)
    tile = member.page("/o/acme/analytics?range=7d").select("a.figure")[-1]
    assert "–" in tile.text
    assert "some before" in tile.text


def test_the_axis_of_cost_says_no_more_decimals_than_it_needs(member, org):
    thread = threads.thread(org, origin="api")
    threads.message(thread, role="assistant", cost_micros=900_000)
    chart = member.page("/o/acme/analytics?range=7d").find(id="cost").text
    assert "USD 1.00USD 0.50USD 0.00" in chart
    assert "USD 0.9000" in chart
    assert "USD 0.5000" not in chart


def test_small_costs_have_the_same_decimals_along_their_axis(member, org):
    threads.message(threads.thread(org, origin="api"), role="assistant", cost_micros=9_000)
    chart = member.page("/o/acme/analytics?range=7d").find(id="cost").text
    assert "USD 0.0100USD 0.0050USD 0.0000" in chart


def test_days_the_wrong_way_round_stay_as_typed(member, talk):
    for query in ("from=2026-11-20&to=2026-11-10", "range=2026-11-20..2026-11-10"):
        page = member.page(f"/o/acme/analytics?{query}")
        assert "From is after To" in page.find(id="results").text
        assert [page.find("input", attrs={"name": end})["value"] for end in ("from", "to")] == [
            "2026-11-20",
            "2026-11-10",
        ]


@pytest.mark.parametrize(
    "days", ["0001-01-01..0001-01-03", "0001-06-01..0002-01-03", "9999-12-30..9999-12-31"]
)
def test_days_with_none_before_them_are_shown(member, owner, days):
    assert member.page(f"/o/acme/analytics?range={days}").find(id="results")
    assert owner.get(f"/o/acme/analytics/day.csv?range={days}").status_code == 200


def test_figures_are_a_file_too(owner, talk):
    answer = owner.get("/o/acme/analytics/agent.csv?range=7d")
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff")))
    assert (row["agent"], row["messages"], row["cost_micros"]) == ("Support", "2", "1500000")
    assert owner.get("/o/acme/analytics/nothing.csv").status_code == 404
    assert "figures" in owner.page("/o/acme/audit").text.lower()


def test_what_takes_too_long_says_what_to_do(member, talk, monkeypatch):
    class Slow(figures.AnalyticsRepo):
        def report(self, *_):
            raise TooSlow

    monkeypatch.setattr(figures, "AnalyticsRepo", Slow)
    page = member.page("/o/acme/analytics")
    assert "Narrow the dates." in page.text
    answer = member.get("/o/acme/analytics/day.csv")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "Narrow the dates" in answer.text


def test_another_organisations_figures_are_not_counted(member, talk):
    world.tenant("Theircanary")
    page = member.page("/o/acme/analytics?by=model")
    assert figures_of(page)[1] == "2"
    assert "Theircanary" not in page.text


def test_a_message_is_found_and_leads_into_its_thread(member, talk):
    page = member.both("/o/acme/search/messages?q=parcel")
    (hit,) = page.select(".hit")
    assert hit.find("mark").text == "parcel"
    assert "& its <3 kilos" in hit.select_one(".hit-passage").text
    link = urlsplit(hit.find("a")["href"])
    assert link.path == f"/o/acme/threads/{talk.id}"
    assert parse_qs(link.query)["at"] == [link.fragment]


def test_the_passage_of_a_message_shows_no_marks_of_markdown(member, talk):
    threads.message(talk, "## Tents\n\n**You can return the `tent`**: <b>2 ** 3</b> days **left**.")
    (hit,) = member.both("/o/acme/search/messages?q=tent+return").select(".hit")
    passage = hit.select_one(".hit-passage")
    assert " ".join(passage.text.split()) == "Tents You can return the tent: <b>2 ** 3</b> days left."
    assert [mark.text for mark in passage.select("mark")] == ["Tents", "return", "tent"]


@pytest.mark.parametrize(
    ("q", "words"),
    [
        ("", "Search what was said"),
        ("the", "These words are in every text"),
        ("-parcel", "Add a word to look for"),
        ("zebra", "No messages match"),
    ],
)
def test_nothing_found_says_why(member, talk, q, words):
    assert words in member.page(f"/o/acme/search/messages?q={q}").text


def test_ranked_pages_have_no_last_one(member, org, talk):
    for _ in range(25):
        threads.message(talk, "parcel again")
    page = member.page("/o/acme/search/messages?q=parcel")
    assert "1–20 of 20+" in page.text
    assert page.find(id="page-next")
    assert page.find(id="page-last") is None
    following = member.both(page.find(id="page-next")["href"])
    assert len(following.select(".hit")) == 6
    assert following.find("ol", class_="hits")["start"] == "21"


def test_other_peoples_threads_are_found_by_owners_only(member, owner, org):
    threads.message(threads.thread(org, orgs.member(org)), "secret plan")
    assert not member.page("/o/acme/search/messages?q=plan").select(".hit")
    assert owner.page("/o/acme/search/messages?q=plan").select(".hit")


def test_the_search_costs_four_statements(member, talk):
    with queries(max=4):
        member.get("/o/acme/search/messages?q=parcel")
