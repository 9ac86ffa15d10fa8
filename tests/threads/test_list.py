"""The list of threads: who sees which, filters, order, pages, columns."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.threads.models import Thread
from app.threads.repo import listed
from tests.factories import agents, auth, orgs, threads
from tests.factories.rows import rows
from tests.support.queries import queries

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SORTS = [f"{sign}{key}" for key in ("last", "created", "messages", "tokens", "cost") for sign in ("", "-")]


@pytest.fixture
def client(new_client, ana):
    return new_client(ana)


@pytest.fixture
def boss(new_client, owner):
    return new_client(owner)


def names(page):
    return [link.text for link in page.select("tbody th a")]


def found(client, query=""):
    return set(names(client.page(f"/o/acme/threads?per=100&{query}")))


def walk(client, url):
    """Return the names of every page from here on."""
    pages = []
    while url:
        page = client.page(url)
        pages.append(names(page))
        link = page.find(id="page-next")
        url = link["href"] if link else None
    return pages


def test_an_empty_organisation_says_how_threads_come(client, boss):
    page = client.both("/o/acme/threads")
    assert "Threads begin in the playground or over the API" in page.find(id="results").text
    assert boss.page("/o/acme/threads").find(id="results").find("a", href="/o/acme/keys")


def test_no_match_offers_to_clear_all(client, thread):
    page = client.both("/o/acme/threads?q=nothing&feedback=up")
    assert "No threads match" in page.find(id="results").text
    links = {link.text.strip(): link["href"] for link in page.find(id="results").select("a.button")}
    assert links == {
        "Search in messages": "/o/acme/threads?q=nothing&feedback=up&in=messages",
        "Clear all": "/o/acme/threads",
    }


def test_archived_only_is_said(client, org, ana):
    threads.thread(org, ana, name="Old", archived=True)
    link = client.both("/o/acme/threads").find("a", href=re.compile("status=archived"))
    assert names(client.page(link["href"])) == ["Old"]


def test_everyone_sees_shared_threads_and_their_own(new_client, org, ana, owner):
    ben = orgs.member(org)
    for origin in ("console", "playground", "api", "import", "schedule"):
        threads.thread(org, ben, name=f"Ben {origin}", origin=origin)
    threads.thread(org, ana, name="Ana console")
    threads.thread(orgs.org(), name="Elsewhere", origin="api")
    shared = {"Ben api", "Ben import", "Ben schedule"}
    assert found(new_client(ana)) == shared | {"Ana console"}
    assert found(new_client(orgs.member(org, "viewer"))) == shared
    everything = shared | {"Ana console", "Ben console", "Ben playground"}
    assert found(new_client(ben)) == everything - {"Ana console"}
    for who in (owner, orgs.member(org, "admin")):
        assert found(new_client(who)) == everything


@pytest.fixture
def varied(org, ana):
    """Threads that differ in everything that can be asked for, by name."""
    first, second = agents.agent(org, name="First"), agents.agent(org, name="Second")
    gone, stranger = auth.user(), {"external_user": "customer 7"}
    made = {
        "plain": threads.thread(org, ana, name="plain", agent_id=first.id, tags=["vip"]),
        "other": threads.thread(org, ana, name="other", agent_id=second.id, tags=["vip", "late"]),
        "left": threads.thread(org, gone, name="left", origin="import", created_at=NOW - timedelta(days=90)),
        "guest": threads.thread(
            org, name="guest", origin="api", tokens=700, cost_micros=2_500_000, **stranger
        ),
        "archived": threads.thread(org, ana, name="archived", archived=True),
        "deleted": threads.thread(org, ana, name="deleted", deleted_at=NOW),
    }
    for name, rating in (("plain", 1), ("other", -1)):
        message = threads.message(made[name], "Well", role="assistant")
        threads.feedback(message, ana, rating)
    threads.message(made["guest"], parts=[{"kind": "error", "message": "It broke."}], role="assistant")
    return {"first": first.id, "second": second.id, "ana": ana.id, "gone": gone.id}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", "plain other left guest"),
        ("agent={first}", "plain"),
        ("agent={first}&agent={second}", "plain other"),
        ("agent=-{first}", "other left guest"),
        ("user={ana}", "plain other"),
        ("user={gone}", "left"),
        ("user=-{ana}", "left guest"),
        ("people=members", "plain other"),
        ("people=-members", "left guest"),
        ("origin=api&origin=import", "left guest"),
        ("origin=-console", "left guest"),
        ("feedback=up", "plain"),
        ("feedback=up&feedback=down", "plain other"),
        ("feedback=none", "left guest"),
        ("feedback=-down", "plain left guest"),
        ("error=yes", "guest"),
        ("error=no", "plain other left"),
        ("tag=vip", "plain other"),
        ("tag=late&tag=absent", "other"),
        ("tag=-late", "plain left guest"),
        ("status=archived", "archived"),
        ("status=deleted&status=live", "plain other left guest deleted"),
        ("status=-live", ""),
        ("created=..2026-09-30", "left"),
        ("created=2026-10-01..", "plain other guest"),
        ("messages=1..", "plain other guest"),
        ("messages=0", "left"),
        ("tokens=500..", "guest"),
        ("cost=2.5", "guest"),
        ("cost=..2.49", "plain other left"),
        ("q=T", "other left guest"),
        ("q=t&people=members", "other"),
    ],
)
def test_filters_find_what_they_say(client, varied, query, wanted):
    assert found(client, query.format(**varied)) == set(wanted.split())
    assert set(names(client.both(f"/o/acme/threads?{query.format(**varied)}"))) == set(wanted.split())


@pytest.mark.parametrize(
    "query",
    [
        *("sort=name", "sort=last;drop", "sort=--last", "last=x", "created=2026-11-23..2026-11-01", "cols=x"),
        *(
            "agent=nope",
            "agent=01930000-0000-7000-8000-000000000000",
            "user=-",
            "origin=web",
            "in=x",
            "error=1",
        ),
        *(
            "messages=x",
            "cost=1..0",
            "tokens=99999999999999999999..",
            "after=x&before=y",
            "end=1",
            "org_id=1",
        ),
    ],
)
def test_si_4_what_is_not_listed_is_dropped(client, thread, query):
    assert names(client.both(f"/o/acme/threads?{query}")) == [thread.name]


@pytest.mark.parametrize("query", ["q=%00", "q=%ff%fe", "q=%ed%a0%80", "tag=%00", "q=%00x&in=messages"])
def test_si_2_bytes_that_are_no_text_are_no_error(client, thread, query):
    client.both(f"/o/acme/threads?{query}")


def test_people_of_other_organisations_cannot_be_asked_for(client, thread):
    stranger = orgs.member(orgs.org(), user=auth.user(first_name="Hidden", last_name="Stranger"))
    agent = agents.agent(orgs.org(), name="Hidden agent")
    page = client.page(f"/o/acme/threads?user={stranger.id}&agent={agent.id}")
    assert "Hidden" not in page.text
    assert names(page) == [thread.name]
    assert "An unknown value for user was ignored." in page.find(id="results").text


def test_a_range_that_is_none_is_told_by_its_name(client, thread):
    said = client.page("/o/acme/threads?cost=much&last=ever").find(id="results").text
    assert "The range for cost (USD) was not understood and is ignored." in said
    assert "The range for last activity was not understood and is ignored." in said


@pytest.mark.parametrize("sort", SORTS)
def test_each_order_is_total_and_marks_its_header(client, org, sort):
    for number in range(45):
        threads.thread(
            org,
            name=f"{number:02}",
            origin="api",
            tokens=number % 7,
            cost_micros=number % 3,
            created_at=NOW - timedelta(hours=number % 5),
            last_message_at=NOW - timedelta(hours=number % 4),
        )
    url = f"/o/acme/threads?sort={sort}&cols=name,created,last,messages,tokens,cost"
    heads = client.both(url).select("[aria-sort]")
    assert [head["aria-sort"] for head in heads] == ["descending" if sort.startswith("-") else "ascending"]
    assert heads[0].find("a")["id"] == f"sort-{sort.removeprefix('-')}"
    shown = [name for page in walk(client, url) for name in page]
    column = {"last": "last_message_at", "created": "created_at", "messages": "message_count"}
    key = column.get(sort.removeprefix("-"), sort.removeprefix("-").replace("cost", "cost_micros"))
    ordered = sorted(rows(Thread), key=lambda row: (getattr(row, key), row.id), reverse=sort.startswith("-"))
    assert shown == [row.name for row in ordered]


def test_pages_say_where_they_are_and_lead_on(client, org):
    for number in range(45):
        threads.thread(org, name=f"{number:02}", origin="api")
    first = client.both("/o/acme/threads?sort=created")
    assert first.select_one(".pager-count").text == "1–20 of 45"
    last = client.both(first.find(id="page-last")["href"])
    assert (last.select_one(".pager-count").text, names(last)[-1]) == ("41–45 of 45", "44")
    before = client.both(last.find(id="page-previous")["href"])
    assert (before.select_one(".pager-count").text, len(names(before))) == ("21–40 of 45", 20)
    assert client.fragment("/o/acme/threads").find(id="status").text.startswith("45 threads, sorted by last")


def test_every_column_shows_what_the_thread_holds(client, varied):
    page = client.both(
        "/o/acme/threads?q=guest&cols=name,agent,user,origin,messages,tokens,cost,feedback,tags,created"
    )
    cells = [" ".join(cell.text.split()) for cell in page.select("tbody tr td")][1:]
    assert cells[:8] == ["–", "customer 7 External", "API", "1 error 1", "700", "USD 2.50", "–", "–"]


@pytest.mark.parametrize("prefix", ["", "thr_"])
def test_a_pasted_id_opens_its_thread_on_enter(client, org, thread, prefix):
    private, foreign = threads.thread(org, orgs.member(org)), threads.thread(orgs.org(), origin="api")
    assert client.get(f"/o/acme/threads?q={prefix}{thread.id}").location == f"/o/acme/threads/{thread.id}"
    for hidden in (private, foreign):
        assert client.get(f"/o/acme/threads?q={prefix}{hidden.id}").status_code == 200


ASKED = [
    *("", "sort=cost&end=1", "q=refund", "q=re", "q=refund+nothing", "q=refund&sort=-tokens&end=1"),
    *(
        "q=refund&in=messages",
        "user={ana}&agent={agent}&tag=vip&people=members&origin=api&error=no&feedback=none",
    ),
    *("status=deleted", "q=refund&in=messages&user=-{ana}&agent=-{agent}&last=7d&cost=1.."),
]


@pytest.fixture(params=[2_000, 1])
def crowd(request, org, ana, monkeypatch):
    """Threads that are few, or many for the search of names."""
    monkeypatch.setattr(listed, "NEAR", request.param)
    for number in range(30):
        threads.thread(org, ana, name=f"Refund {number}")


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("query", ASKED)
def test_p42_a_page_costs_four_statements(client, thread, ana, query):
    with queries(max=4):
        client.page(f"/o/acme/threads?{query.format(ana=ana.id, agent=thread.agent_id)}")


def test_a_walk_is_stable_while_rows_come_and_go(client, org):
    kept = [
        threads.thread(org, name=f"{n:03}", origin="api", created_at=NOW + timedelta(hours=n))
        for n in range(65)
    ]
    url, seen = "/o/acme/threads?sort=created", []
    for number in itertools.count():
        page = client.page(url)
        seen += names(page)
        threads.thread(org, name="before", origin="api", created_at=NOW - timedelta(hours=number + 1))
        client.submit(f"/o/acme/threads/{page.select('[name=ids]')[0]['value']}/archive")
        link = page.find(id="page-next")
        if not link:
            break
        url = link["href"]
    assert seen == [thread.name for thread in kept]
