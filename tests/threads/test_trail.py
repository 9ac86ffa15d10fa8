"""From the list of threads to a thread and back, and along the list as the visitor sees it."""

import pytest

from tests.factories import orgs, threads
from tests.support.queries import queries


@pytest.fixture
def client(new_client, ana):
    return new_client(ana)


def follow(client, page, key):
    answer = client.get(page.find("a", {"data-key": key})["href"])
    assert answer.status_code == 302
    return client.page(answer.location)


def opened(client, url, name):
    return client.page(client.page(url).find("table").find("a", string=name)["href"])


def crumb(page):
    return page.find("nav", {"aria-label": "Breadcrumb"}).a["href"]


@pytest.mark.parametrize("query", ["q=order&sort=created", "sort=created"])
def test_keys_walk_along_the_list(client, org, ana, query):
    for number in range(4):
        threads.thread(org, ana, name=f"Order {number}")
    page = opened(client, f"/o/acme/threads?{query}", "Order 1")
    for key, name in (("]", "Order 2"), ("]", "Order 3"), ("]", "Order 3"), ("[", "Order 2")):
        page = follow(client, page, key)
        assert page.h1.text == name
        assert crumb(page) == f"/o/acme/threads?{query}"


def test_older_first_and_latest_messages_keep_the_way_back(client, org, ana):
    thread = threads.thread(org, ana, name="Long")
    for number in range(45):
        threads.message(thread, f"message {number}")
    page = opened(client, "/o/acme/threads?sort=created", "Long")
    older = page.find("a", id="older")
    assert older["hx-get"] == older["href"].partition("#")[0]
    answer = client.get(older["hx-get"], headers={"HX-Request": "true", "HX-Target": "messages"})
    assert "from=" in answer.headers["HX-Push-Url"]
    assert crumb(client.page(older["href"])) == "/o/acme/threads?sort=created"
    first = page.find("a", id="first")
    assert (
        crumb(client.page(first["href"]))
        == crumb(client.page(first["hx-get"]))
        == "/o/acme/threads?sort=created"
    )
    latest = client.page(first["href"]).find("a", id="latest")
    assert (
        crumb(client.page(latest["href"]))
        == crumb(client.page(latest["hx-get"]))
        == "/o/acme/threads?sort=created"
    )


def test_threads_that_the_visitor_may_not_see_are_passed_over(client, org, ana):
    threads.thread(org, ana, name="First")
    hidden = threads.thread(org, orgs.member(org), name="Hidden")
    threads.thread(org, ana, name="Last")
    page = opened(client, "/o/acme/threads?sort=created", "First")
    assert follow(client, page, "]").h1.text == "Last"
    for way in ("previous", "next"):
        assert client.get(f"/o/acme/threads/{hidden.id}/{way}").status_code == 404
        foreign = threads.thread(orgs.org())
        assert client.get(f"/o/acme/threads/{foreign.id}/{way}").status_code == 404


def test_the_way_back_costs_no_statement(client, org, ana):
    thread = threads.thread(org, ana, name="Only")
    url = client.page("/o/acme/threads").find("table").find("a", string="Only")["href"]
    with queries() as plain:
        client.page(f"/o/acme/threads/{thread.id}")
    with queries() as walked:
        client.page(url)
    assert len(walked) <= len(plain)


def test_history_archiving_and_deleting_keep_the_way_back(client, org, ana):
    threads.thread(org, ana, name="Short")
    page = opened(client, "/o/acme/threads?sort=created", "Short")
    history = client.page(page.find("nav", class_="tabs").find("a", string="History")["href"])
    messages = history.find("nav", class_="tabs").find("a", string="Messages")["href"]
    assert crumb(history) == crumb(client.page(messages)) == "/o/acme/threads?sort=created"
    archived = client.page(client.submit(action(page, "Archive")).location)
    assert crumb(archived) == "/o/acme/threads?sort=created"
    assert client.submit(action(archived, "Delete")).location == "/o/acme/threads?sort=created"


def action(page, label):
    return page.find("main").find("span", string=label).find_parent("form")["action"]
