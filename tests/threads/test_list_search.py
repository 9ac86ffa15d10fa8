"""Searching the list of threads: names by every plan, messages by their words."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import urlencode

import pytest
from werkzeug.datastructures import MultiDict

from app.db.cursor import PageRequest
from app.db.terms import terms
from app.threads.forms import thread_list
from app.threads.models import Thread
from app.threads.repo import conditions, listed
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.threads import Viewer
from app.web.listing import read_list
from tests.agents.test_list import SEARCHES, TEXTS
from tests.factories import orgs, threads
from tests.factories.rows import rows
from tests.threads.test_list import names

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = ("refund", "Invoice", "zeppelin", "ÉTUDE", "re", "50%_off", "a_b", "order 7")


def asked(query):
    spec = thread_list({"agent": {}, "user": {}, "tag": {"vip": "vip"}})
    state = read_list(spec, "UTC", MultiDict(query), "/o/acme/threads")
    assert not state.notices
    return state


def every_page(org, viewer, state, per=5, *, backward=False):
    """Return the pages of a list, walked from one end to the other."""
    request, pages = PageRequest(per, last=backward), []
    for _ in range(100):
        page = ThreadListRepo().page(org.id, viewer, _at(state, request)).page
        pages.append(page)
        following = page.previous if backward else page.next
        if following is None:
            return pages[::-1] if backward else pages
        request = PageRequest(per, following)
    raise AssertionError("the list has no end")


def _at(state, request):
    return type(state)(**{**vars(state), "request": request})


@pytest.fixture
def many(inside, org, ana):
    """Sixty threads of which some are Ana's; some archived, some of the words often, some seldom in their names."""
    chance = random.Random(7)
    for number in range(60):
        words = [chance.choice(WORDS[:1] * 3 + WORDS) for _ in range(chance.randrange(1, 4))]
        threads.thread(
            org,
            ana if number % 3 else None,
            name=f"{' '.join(words)} {number}",
            origin=chance.choice(["api", "console"]),
            tags=["vip"] if number % 4 else [],
            archived=number % 10 == 9,
            tokens=chance.randrange(5),
            last_message_at=NOW - timedelta(minutes=chance.randrange(20)),
        )
    threads.thread(orgs.org(), name="refund zeppelin elsewhere", origin="api")


@pytest.fixture(params=[2_000, 12, 1], ids=["few threads", "near ones", "the index"])
def plan(request, monkeypatch):
    """Each way in which names are searched."""
    monkeypatch.setattr(listed, "NEAR", request.param)


def by_hand(org, viewer, q, sort):
    """Return the ids that the list of threads tagged vip must show."""
    column = {"last": "last_message_at", "tokens": "tokens"}[sort.removeprefix("-")]
    wanted = [
        thread
        for thread in rows(Thread, org_id=org.id)
        if all(term.lower() in thread.name.lower() for term in terms(q))
        and not thread.archived
        and thread.tags
        if viewer.sees_all or thread.origin == "api" or thread.user_id == viewer.user_id
    ]
    wanted.sort(key=lambda thread: (getattr(thread, column), thread.id), reverse=sort.startswith("-"))
    return [thread.id for thread in wanted]


@pytest.mark.parametrize(
    "q", ["refund", "REFUND zep", "étude", "re", "%_", "7 order", '"order 7"', "no", '"']
)
@pytest.mark.usefixtures("many", "plan")
def test_si_1_every_plan_finds_what_a_filter_by_hand_finds(org, ana, q):
    for sort, sees_all in product(["-last", "last", "-tokens", "tokens"], [True, False]):
        state, viewer = asked({"q": q, "sort": sort, "tag": "vip"}), Viewer(ana.id, sees_all)
        wanted = by_hand(org, viewer, q, sort)
        for backward in (False, True):
            pages = every_page(org, viewer, state, backward=backward)
            assert [row.id for page in pages for row in page.rows] == wanted
            for page in pages:
                assert page.total == len(wanted) or (page.capped and page.total <= len(wanted))
        assert set(ThreadListRepo().matching(org.id, viewer, state, 1_000)) == set(wanted)


def test_si_1_names_are_searched_literally(new_client, org, ana, plan):
    for number, stored in enumerate(TEXTS):
        threads.thread(org, ana, name=f"{number} {stored}", created_at=NOW + timedelta(hours=number))
    client = new_client(ana)
    for q in SEARCHES:
        wanted = [
            f"{number} {stored}"
            for number, stored in enumerate(TEXTS)
            if all(term.lower() in f"{number} {stored}".lower() for term in terms(q))
        ]
        query = urlencode({"q": q, "per": 100, "sort": "created"})
        assert names(client.page(f"/o/acme/threads?{query}")) == wanted, q


def test_where_counting_would_cost_the_page_says_at_least(new_client, org, ana, monkeypatch):
    monkeypatch.setattr(listed, "NEAR", 50)
    for number in range(60):
        threads.thread(org, ana, name=f"Refund {number}")
    client = new_client(ana)
    page = client.both("/o/acme/threads?q=refund")
    assert page.select_one(".pager-count").text == "1–20 of 20+"
    assert client.fragment("/o/acme/threads?q=refund").find(id="status").text.startswith("20+ threads")
    second = client.both(page.find(id="page-next")["href"])
    assert second.select_one(".pager-count").text == "21–40 of 40+"
    last = client.both(second.find(id="page-last")["href"])
    assert len(names(last)) == 20
    assert not last.find(id="page-next")


@pytest.fixture
def written(org, ana):
    """Threads with messages, by name."""
    texts = {
        "first": ["The parcel was broken on arrival", "We refund broken parcels"],
        "second": ["A refund, please"],
        "third": ["Where is my parcel?"],
    }
    for name, messages in texts.items():
        thread = threads.thread(org, ana, name=name)
        for message in messages:
            threads.message(thread, message)
    private = threads.thread(org, orgs.member(org), name="private")
    threads.message(private, "My refund parcel")
    foreign = threads.thread(orgs.org(), name="foreign", origin="api")
    threads.message(foreign, "Their refund parcel")
    gone = threads.thread(org, ana, name="gone", deleted_at=NOW)
    threads.message(gone, "A deleted refund parcel")


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        *(("refunds", "first second"), ("parcel", "first third"), ("parcel refund", "first")),
        *(('"broken parcel"', "first"), ('"parcel broken"', ""), ("parcel -refund", "first third")),
        *(("the", ""), ("first", ""), ("'; DROP TABLE threads; --", ""), ('"', "")),
        *(("zeppelin", ""), ("parcel or refund", "first second third"), ("<-> & !", "")),
    ],
)
def test_messages_are_searched_by_words(new_client, written, org, ana, q, wanted):
    page = new_client(ana).both("/o/acme/threads?" + urlencode({"q": q, "in": "messages"}))
    assert set(names(page)) == set(wanted.split())


@pytest.mark.parametrize(
    ("q", "said"), [("the", "“the” and “of” are not searched"), ('"', "Type a word to look for")]
)
def test_a_search_in_messages_that_finds_nothing_says_why(new_client, written, ana, q, said):
    page = new_client(ana).page("/o/acme/threads?" + urlencode({"q": q, "in": "messages"}))
    assert said in page.select_one("#results").text


def test_owners_find_what_others_wrote(new_client, written, owner):
    assert "private" in names(new_client(owner).page("/o/acme/threads?q=parcel&in=messages"))


@pytest.mark.parametrize("sort", ["-last", "messages"])
def test_threads_found_by_their_messages_are_paged_both_ways(inside, org, ana, as_ana, sort):
    for number in range(23):
        thread = threads.thread(org, ana, name=f"{number:02}", last_message_at=NOW)
        for _ in range(1 + number % 3):
            threads.message(thread, "the parcel", created_at=NOW + timedelta(minutes=number))
    state = asked({"q": "parcel", "in": "messages", "sort": sort})
    forwards = every_page(org, as_ana, state)
    backwards = every_page(org, as_ana, state, backward=True)
    shown = [row.name for page in forwards for row in page.rows]
    assert shown == [row.name for page in backwards for row in page.rows]
    assert len(set(shown)) == 23
    assert {(page.total, page.capped) for page in forwards} == {(23, False)}


def test_a_search_that_is_cut_off_says_so(new_client, org, ana, monkeypatch):
    monkeypatch.setattr(conditions, "MOST_MATCHES", 3)
    monkeypatch.setattr(listed, "MOST_MATCHES", 3)
    for number in range(5):
        thread = threads.thread(org, ana, name=f"{number}")
        threads.message(thread, "the parcel", created_at=NOW + timedelta(hours=number))
    client = new_client(ana)
    page = client.both("/o/acme/threads?q=parcel&in=messages")
    assert names(page) == ["4", "3", "2"]
    assert "Only the newest 5,000 messages" in page.find(id="results").text
    threads.message(thread, "zeppelin")
    assert "Only the newest" not in client.page("/o/acme/threads?q=zeppelin&in=messages").text


def test_messages_of_deleted_threads_are_not_searched_and_it_is_said(new_client, org, ana):
    gone = threads.thread(org, ana, name="Gone", deleted_at=NOW)
    threads.message(gone, "the parcel")
    client, said = new_client(ana), "What was said in deleted threads is not searched."
    page = client.both("/o/acme/threads?q=parcel&in=messages&status=deleted")
    assert said in page.find(id="results").text
    assert "Try other words" not in page.text
    mixed = client.page("/o/acme/threads?q=parcel&in=messages&status=deleted&status=live")
    assert said in mixed.find(id="results").text
    assert "Try other words" in mixed.text
    assert said not in client.page("/o/acme/threads?q=parcel&in=messages").text
    assert names(client.page("/o/acme/threads?q=gone&status=deleted")) == ["Gone"]
