"""The search in messages: what is found, in which order, for whom, and how much work common words cost."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from app.threads.models import ORIGINS
from app.threads.repo import search
from app.threads.repo.search import SearchRepo, pieces
from app.threads.repo.threads import Viewer
from app.web.listing import Facet, ListSpec, read_list
from tests.factories import agents, orgs, threads
from tests.support.database import as_owner
from tests.support.pages import parse
from tests.support.program import Program
from tests.support.queries import queries
from tests.threads.conftest import changed

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def find(app, inside, org, everything):
    """A function that searches as the owner, or another viewer, and returns what was found."""

    def run(q, viewer=None, path="/x", **args):
        with as_owner() as session:
            ids = [str(row) for row in session.execute(text("SELECT id FROM agents")).scalars()]
        spec = ListSpec(
            sorts={"score": "relevance"},
            default_sort="-score",
            facets={
                "agent": Facet("Agent", dict.fromkeys(ids, "Agent")),
                "origin": Facet("Origin", dict.fromkeys(ORIGINS, "Origin")),
            },
            dates={"at": "Written"},
        )
        with app.test_request_context(path):
            state = read_list(spec, "UTC", MultiDict({"q": q, **args}), path)
            return SearchRepo().page(org.id, viewer or everything, state), state

    return run


@pytest.fixture
def everything(owner):
    return Viewer(owner.id, sees_all=True)


@pytest.fixture
def said(org, thread):
    """A function that stores a message, so many days ago."""

    def write(words, days=0, of=None, **values):
        return threads.message(of or thread, words, **{"created_at": NOW - timedelta(days=days), **values})

    return write


def ids(found):
    return [hit.id for hit in found[0].page.rows]


def test_one_word_is_ranked_by_how_often_it_occurs(find, said):
    counts = [1, 4, 2, 9, 20, 5, 1, 3]
    written = [said("refund " * count + "thanks", days=index) for index, count in enumerate(counts)]
    found = find("refunds")
    order = [4, 3, 5, 1, 7, 2, 0, 6]
    assert ids(found) == [written[index].id for index in order]
    assert find("zebra")[0].page.rows == []


def test_scores_are_those_of_ranking_every_match(find, said, connection, org):
    for count in range(1, 30):
        said("late parcel " * (count % 7 + 1) + "and more words" * (count % 3), days=count)
    for q in ("parcel", "late parcel", '"late parcel"', "parcel -nothing"):
        found = find(q)
        with as_owner() as session:
            expected = session.execute(
                text(
                    "SELECT ts_rank(to_tsvector('english', text_content), websearch_to_tsquery('english', :q)) AS score"
                    " FROM messages ORDER BY score DESC LIMIT 20"
                ),
                {"q": q},
            ).scalars()
            assert [hit.score for hit in found[0].page.rows] == pytest.approx(list(expected))


def test_phrases_exclusions_and_words(find, said):
    both = said("The parcel is late.")
    other = said("Late twice, that parcel.")
    assert set(ids(find("parcel late"))) == {both.id, other.id}
    assert ids(find('"parcel is late"')) == [both.id]
    assert ids(find("parcel -twice")) == [both.id]
    assert set(ids(find("twice or parcel"))) == {both.id, other.id}


@pytest.mark.parametrize(
    ("q", "unusable"), [("", "common"), ("the of", "common"), ("-refund", "excluding"), ("!!", "common")]
)
def test_what_cannot_be_searched_says_why(find, said, q, unusable):
    said("refund")
    assert find(q)[0].unusable == unusable


@pytest.mark.parametrize(
    "q", ["'", "\\", "a:*", "a <-> b", "(", "&", "x or and or y", "😀", "a" * 200, "o'brien"]
)
def test_si_1_any_text_is_a_search(find, said, q):
    message = said(f"quote {q} end")
    found = find(q)
    assert found[0].unusable or ids(found) in ([], [message.id])


def test_passages_mark_the_words(find, said):
    said("A long story. " * 50 + "Then the <b>Refund</b> came. " + "And so on. " * 50)
    (hit,) = find("refund")[0].page.rows
    marked = [piece for piece, is_hit in hit.passage if is_hit]
    assert marked == ["Refund"]
    short = said("The refund came.")
    hit = next(hit for hit in find("refund")[0].page.rows if hit.id == short.id)
    assert hit.passage == (("The ", False), ("refund", True), (" came.", False))
    assert pieces("a \x01b\x02 c") == (("a ", False), ("b", True), (" c", False))


def test_filters_narrow_before_ranking(find, org, owner, said):
    agent, other = agents.agent(org), agents.agent(org)
    of_agent = threads.thread(org, owner, agent_id=agent.id, origin="api")
    of_other = threads.thread(org, owner, agent_id=other.id, origin="import")
    first = said("refund", of=of_agent, days=40)
    second = said("refund refund", of=of_other, days=1)
    third = said("refund refund refund")
    assert ids(find("refund", agent=str(agent.id))) == [first.id]
    assert set(ids(find("refund", agent=f"-{agent.id}"))) == {second.id, third.id}
    assert ids(find("refund", origin="import")) == [second.id]
    assert set(ids(find("refund", origin="-import"))) == {first.id, third.id}
    assert ids(find("refund", at="2026-10-01..2026-10-31")) == [first.id]
    assert ids(find("refund came", at="..2026-11-24")) == []


def test_people_find_what_they_may_see(find, org, said, as_ana):
    hidden = threads.thread(org, orgs.member(org))
    gone = threads.thread(org, origin="api", deleted_at=NOW)
    shared = threads.thread(org, origin="schedule")
    said("refund", of=hidden)
    said("refund", of=gone)
    visible = [said("refund", of=shared), said("refund")]
    said("refund", of=threads.thread(orgs.org(), origin="api"))
    for q in ("refund", "refund or nothing"):
        assert set(ids(find(q, as_ana))) == {row.id for row in visible}
        assert len(ids(find(q))) == 3


def test_pages_go_on_where_the_last_one_ended(find, said):
    written = {said("refund " * (index % 3 + 1), days=index).id for index in range(45)}
    seen, args, totals = [], {}, []
    while True:
        found, state = find("refund", **args)
        seen += [hit.id for hit in found.page.rows]
        totals.append((found.page.first, found.page.total, found.page.capped))
        if found.page.next is None:
            break
        args = {"after": state.cursor(found.page.next)}
    assert len(seen) == 45
    assert set(seen) == written
    assert totals == [(1, 20, True), (21, 40, True), (41, 45, False)]
    back, _ = find("refund", before=state.cursor(found.page.previous))
    assert [hit.id for hit in back.page.rows] == seen[20:40]


def test_more_matches_than_are_ranked_are_cut_and_said(find, said, monkeypatch, org, thread):
    monkeypatch.setattr(search, "MOST_RANKED", 30)
    with as_owner() as session:
        session.execute(
            text(
                "INSERT INTO messages (id, org_id, thread_id, role, parts, text_content, created_at)"
                " SELECT gen_random_uuid(), :org, :thread, 'user', '[]', 'late parcel', :now - n * interval '1 day'"
                " FROM generate_series(1, 1500) n"
            ),
            {"org": org.id, "thread": thread.id, "now": NOW},
        )
    found, _ = find("late parcel")
    assert found.cut
    assert [hit.created_at for hit in found.page.rows] == [NOW - timedelta(days=day) for day in range(1, 21)]
    older, _ = find("late parcel", at="..2024-12-31")
    assert older.page.rows[0].created_at == datetime(2024, 12, 31, 12, tzinfo=UTC)
    one, _ = find("parcel")
    assert [hit.created_at for hit in one.page.rows] == [hit.created_at for hit in found.page.rows]
    assert not one.cut


@pytest.mark.usefixtures("way")
def test_of_a_phrase_fewer_matches_are_ranked(find, said, client, monkeypatch):
    monkeypatch.setattr(search, "MOST_OF_PHRASES", 3)
    written = [said("the late parcel", days=day) for day in (0, 8, 90, 400)]
    said("late for the parcel")
    found = find('"late parcel"')
    assert (ids(found), found[0].cut, found[0].newest) == ([message.id for message in written[:3]], 3, True)
    page = parse(client.get("/o/acme/search/messages?q=%22late+parcel%22").text)
    assert "only the newest 3 of them were ranked" in page.find(id="results").text
    assert find("late parcel")[0].cut is None
    assert find('"late parcel" -the')[0].cut == 3


WEEKS = [0, 1, 2, 8, 30, 31, 60]
"""How many weeks ago a phrase was written."""


@pytest.fixture
def by_weeks(connection):
    """Search as where very many messages hold the words of a phrase."""
    changed("newest_matches", {"v_all <= 20000": "v_all <= -1", "v_ours <= v_few": "v_ours <= -1"})


@pytest.mark.usefixtures("by_weeks")
@pytest.mark.parametrize(
    ("enough", "read", "since"), [(1, 1, 0), (2, 2, 1), (4, 4, 8), (5, 6, 31), (7, 7, None), (99, 7, None)]
)
def test_a_phrase_is_looked_for_until_enough_is_found(find, said, monkeypatch, enough, read, since):
    monkeypatch.setattr(search, "ENOUGH_OF_PHRASES", enough)
    written = [said("the late parcel", days=7 * weeks).id for weeks in WEEKS]
    found = find('"late parcel"')
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert ids(found) == written[:read]
    assert found[0].since == (None if since is None else monday - timedelta(weeks=since))
    assert (found[0].partly, found[0].cut) == (since is not None, None)
    assert ids(find("late parcel")) == written


@pytest.mark.usefixtures("by_weeks")
def test_what_was_not_looked_through_is_one_step_away(said, client, monkeypatch):
    monkeypatch.setattr(search, "ENOUGH_OF_PHRASES", 3)
    written = [said("the late parcel", days=7 * weeks).id for weeks in WEEKS]
    seen, steps, url = [], [], "/o/acme/search/messages?q=%22late+parcel%22&origin=console"
    while url:
        results = parse(client.get(url).text).find(id="results")
        seen.append([UUID(hit["id"].removeprefix("row-")) for hit in results.select(".hit")])
        earlier = results.find("a", string="Look through earlier ones")
        steps.append(earlier and re.search(r"only those since (.+) were looked through", results.text)[1])
        url = earlier and earlier["href"]
    assert seen == [written[:3], written[3:6], written[6:]]
    assert steps == ["9 Nov 2026", "6 Apr 2026", None]


@pytest.mark.usefixtures("by_weeks")
def test_programs_are_told_since_when_and_go_on_by_days(app, org, owner, said, monkeypatch):
    monkeypatch.setattr(search, "ENOUGH_OF_PHRASES", 3)
    written = [str(said("the late parcel", days=7 * weeks).id) for weeks in WEEKS]
    program, seen, days, told = Program(app, org, owner), [], "", []
    while days is not None:
        answer = program.get(f'/api/v1/search?q="late parcel"{days}').json
        seen += [hit["message_id"] for hit in answer["data"]]
        told.append((answer["since"], answer["only_newest"]))
        days = answer["since"] and f"&at=..{answer['since'][:10]}"
    assert seen == written
    assert told == [("2026-11-09T00:00:00Z", True), ("2026-04-06T00:00:00Z", True), (None, False)]


@pytest.mark.usefixtures("by_weeks")
def test_a_day_with_enough_of_a_phrase_is_not_looked_through_twice(said, client, monkeypatch):
    monkeypatch.setattr(search, "ENOUGH_OF_PHRASES", 1)
    for days in (2, 2, 3):
        said("the late parcel", days=days)
    url = "/o/acme/search/messages?q=%22late+parcel%22&at={}"
    links = [
        parse(client.get(url.format(days)).text).find("a", string="Look through earlier ones")
        for days in ("2026-11-23..2026-11-23", "..2026-11-23", "2026-11-01..2026-11-23")
    ]
    assert links[0] is None
    assert [link["href"].partition("at=")[2] for link in links[1:]] == [
        "..2026-11-22",
        "2026-11-01..2026-11-22",
    ]


def test_of_one_word_without_an_agent_those_that_say_it_most_are_ranked(find, said, org, monkeypatch):
    monkeypatch.setattr(search, "MOST_RANKED", 2)
    written = [said("refund " * times, days=times) for times in (9, 8, 7)]
    found, _ = find("refund", agent=f"-{agents.agent(org).id}")
    assert ([hit.id for hit in found.page.rows], found.cut, found.newest) == (
        [one.id for one in written[:2]],
        2,
        False,
    )


def test_a_search_is_two_statements(find, said):
    said("refund")
    with queries() as statements:
        find("refund")
    assert (
        len([statement for statement in statements if "tsquery" in statement or "matches" in statement]) == 2
    )


@pytest.mark.usefixtures("way")
def test_every_way_finds_the_same(find, said, org, owner):
    other = orgs.org()
    away = threads.thread(other, name="Elsewhere", origin="api")
    theirs = [threads.message(away, "late parcel") for _ in range(3)]
    ours = [said("late parcel", days=day) for day in (0, 6, 30, 400)]
    gone = threads.thread(org, owner, deleted_at=NOW)
    said("late parcel", of=gone)
    assert ids(find("late parcel")) == [message.id for message in ours]
    assert not {message.id for message in theirs} & set(ids(find("late or parcel")))


@pytest.mark.usefixtures("tiers")
def test_every_way_ranks_the_same(find, said, org, owner):
    away = threads.thread(orgs.org(), name="Elsewhere", origin="api")
    threads.message(away, "refund " * 40)
    said("refund " * 30, of=threads.thread(org, owner, deleted_at=NOW))
    ours = [said("refund " * times) for times in (40, 17, 16, 9, 8, 5, 4, 3, 2, 1)]
    assert ids(find("refund")) == [message.id for message in ours]


@pytest.mark.usefixtures("way")
def test_the_newest_are_ranked_however_far_apart_they_were_written(find, said, monkeypatch):
    days = [0, 6, 7, 20, 21, 200, 900, 4000]
    written = [said("late parcel", days=day) for day in days]
    found = find("late parcel")
    assert ids(found) == [message.id for message in written]
    monkeypatch.setattr(search, "MOST_RANKED", 5)
    assert ids(find("late parcel")) == [message.id for message in written[:5]]
    span = f"{NOW - timedelta(days=300):%Y-%m-%d}..{NOW - timedelta(days=7):%Y-%m-%d}"
    assert ids(find("late parcel", at=span)) == [message.id for message in written[2:6]]


@pytest.mark.usefixtures("by_weeks")
def test_a_day_that_is_looked_through_in_part_is_gone_on_with(said, client, monkeypatch):
    monkeypatch.setattr(search, "ENOUGH_OF_PHRASES", 2)
    client.set_cookie("time_zone", "America/New_York")
    hours = [
        NOW - timedelta(days=2, hours=back) for back in (10, 11, 14, 20)
    ]  # 22 Nov there, 22 or 23 in UTC
    written = [said("the late parcel", created_at=moment).id for moment in hours]
    written.append(said("the late parcel", days=30).id)
    seen, url = [], "/o/acme/search/messages?q=%22late+parcel%22&at=..2026-11-22"
    while url:
        results = parse(client.get(url).text).find(id="results")
        seen += [UUID(hit["id"].removeprefix("row-")) for hit in results.select(".hit")]
        earlier = results.find("a", string="Look through earlier ones")
        url = earlier and earlier["href"]
    assert list(dict.fromkeys(seen)) == written


def test_where_none_of_those_ranked_is_left_more_are_said_to_match(find, org, owner, said, monkeypatch):
    monkeypatch.setattr(search, "MOST_RANKED", 2)
    agent = agents.agent(org)
    said("late parcel", days=9)
    of_agent = threads.thread(org, owner, agent_id=agent.id)
    for days in range(3):
        said("late parcel", days=days, of=of_agent)
    found, _ = find("late parcel", agent=f"-{agent.id}")
    assert (found.page.rows, found.cut) == ([], 2)
