"""Addresses in the browser, without scripts: the form, the pages that were fetched, and what people do to them."""

import pytest
from sqlalchemy import update

from app.db.tables import Task
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import WebUrl
from tests.factories import knowledge, orgs, tasks
from tests.factories.rows import rows, stored
from tests.support.client import HTMX
from tests.support.database import as_owner
from tests.support.queries import queries

FORM = {
    "url": "https://93.184.215.14/guide/",
    "scope": "site",
    "max_depth": "3",
    "max_pages": "50",
    "refresh": "",
}


@pytest.fixture
def home(base):
    return f"/o/acme/knowledge/{base.id}/sources"


@pytest.fixture
def web(base):
    return knowledge.web(base, refresh_seconds=3600)


@pytest.fixture
def place(home, web):
    return f"{home}/{web.id}"


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def test_an_address_is_added_and_crawled_by_a_worker(person, base, home, member):
    assert "Add a web address" in person.page(home).text
    assert person.page(f"{home}/new/web").find("input", attrs={"name": "url"})
    made = person.submit(
        f"{home}/new/web", {**FORM, "url": " HTTPS://93.184.215.14:443/guide/#part ", "refresh": "86400"}
    )
    assert made.status_code == 303
    (web,) = rows(WebUrl)
    assert (web.url, web.scope, web.max_depth, web.max_pages) == (FORM["url"], "site", 3, 50)
    assert (web.refresh_seconds, web.created_by) == (86400, member.id)
    (task,) = rows(Task)
    assert (task.kind, task.id) == ("knowledge.crawl", web.task_id)
    page = person.page(made.location)
    assert page.h1.text == FORM["url"]
    assert "Queued" in page.find(id="web_state").text
    assert "Every day" in page.find(id="web_state").text
    assert "No pages yet" in page.find(id="results").text
    assert names(person.both(f"{home}?kind=web")) == [FORM["url"]]
    again = person.submit(f"{home}/new/web", FORM)
    assert again.status_code == 422
    assert "has a source with this address" in again.text
    assert len(rows(WebUrl)) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": ""}, "Enter an address"),
        ({"url": "ftp://example.org/"}, "begins with https://"),
        ({"url": "javascript:alert(1)"}, "begins with https://"),
        ({"url": "https://user:secret@93.184.215.14/"}, "without a password"),
        ({"url": "https://93.184.215.14:8443/"}, "Port 8443 is not permitted"),
        ({"url": "http://127.0.0.1/"}, "not on the public internet"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "not on the public internet"),
        ({"url": "http://169.254.169.254/latest"}, "not on the public internet"),
        ({"url": "http://2130706433/"}, "not on the public internet"),
        ({"url": "http://no-such-host.invalid/"}, "cannot be found"),
        ({"url": "https://93.184.215.14/a\0b"}, "on one line only"),
        ({"url": f"https://93.184.215.14/{'x' * 1500}"}, "Use at most 1,500 characters."),
        ({"scope": "everything"}, "Not a valid choice"),
        ({"max_depth": "11"}, "Enter a whole number from 1 to 10."),
        ({"max_pages": "0"}, "Enter a whole number from 1 to 10000."),
        ({"refresh": "60"}, "Not a valid choice"),
    ],
)  # fmt: skip
def test_ss_1_wrong_values_are_named_and_nothing_is_stored(person, base, home, wrong, words):
    answer = person.submit(f"{home}/new/web", {**FORM, **wrong})
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(WebUrl) == rows(Task) == []


def test_its_pages_are_listed_with_their_state(person, web, place):
    knowledge.chunk(knowledge.page(web, "a", title="Alpha", chunk_count=1), "Refunds")
    knowledge.page(web, "b", title=None, status="failed", error="The server answered with status 500.")
    knowledge.page(web, "c", title="Gamma", enabled=False)
    with queries(max=4):
        person.page(place)
    page = person.both(place)
    opened = person.page(page.select_one("#results tbody th a")["href"])
    assert "not understood" not in opened.text
    assert names(page) == ["Alpha", "https://example.com/b", "Gamma"]
    assert "The server answered with status 500." in page.find(id="results").text
    assert "Disabled" in page.find(id="results").text
    assert names(person.both(f"{place}?status=failed")) == ["https://example.com/b"]
    assert names(person.both(f"{place}?enabled=no")) == ["Gamma"]
    assert names(person.both(f"{place}?q=alph&fetched=7d")) == ["Alpha"]
    assert names(person.both(f"{place}?sort=-chunks"))[0] == "Alpha"
    assert names(person.both(f"{place}?sort=-fetched&cols=url,fetched"))
    assert "Every hour" in page.find(id="web_state").text


def test_one_page_shows_its_passages_and_leads_to_its_address(person, web, place, home):
    fetched = knowledge.page(web, "a", title="Alpha", chunk_count=1)
    chunk = knowledge.chunk(fetched, "Refunds take five days.")
    page = person.both(f"{home}/{fetched.id}")
    assert page.h1.text == "Alpha"
    assert page.find("a", href=place)
    link = page.find("a", href="https://example.com/a")
    assert link["rel"] == ["noopener", "noreferrer"]
    assert "Refunds take five days." in page.find(id="results").text
    assert not page.find("a", href=f"{home}/{fetched.id}/delete")
    passage = person.page(f"{home}/{fetched.id}/chunks/{chunk.id}")
    assert passage.find("a", href="https://example.com/a")
    assert person.submit(f"{home}/{fetched.id}/disable").status_code == 303
    assert not rows(Chunk)[0].source_enabled
    person.submit(f"{home}/{fetched.id}/delete")
    assert stored(fetched) is not None


def test_progress_is_asked_for_until_it_is_over(person, org, web, place):
    with as_owner() as session:
        session.execute(
            update(WebUrl).values(
                status="fetching", progress=40, task_id=tasks.task(org, status="running").id
            )
        )
    knowledge.page(web, "a", title="Alpha")
    page = person.page(f"{place}?sort=-chunks")
    poll = page.find(id="web_poll")
    assert poll["hx-get"] == f"{place}/state?sort=-chunks"
    assert page.find("form", action=f"{place}/cancel")
    answer = person.get(poll["hx-get"], headers=HTMX)
    assert answer.status_code == 200
    assert 'id="web_state"' in answer.text
    assert "Alpha" in answer.text
    assert person.get(f"{place}/state").status_code == 303
    with as_owner() as session:
        session.execute(update(WebUrl).values(status="ready"))
    assert "hx-get" not in person.page(place).find(id="web_poll").attrs
    assert person.page(place).find("form", action=f"{place}/retry")


def test_bounds_are_edited_and_crawled_at_once(person, web, place):
    page = person.page(f"{place}/bounds")
    assert page.find("select", attrs={"name": "refresh"}).find("option", selected=True)["value"] == "3600"
    assert person.submit(f"{place}/bounds", {**FORM, "scope": "page"}).status_code == 303
    now = stored(web)
    assert (now.scope, now.max_depth, now.max_pages, now.refresh_seconds) == ("page", 0, 1, None)
    assert now.url == "https://example.com/"
    assert [task.kind for task in rows(Task)] == ["knowledge.crawl"]
    wrong = person.submit(f"{place}/bounds", {**FORM, "max_pages": "many"})
    assert wrong.status_code == 422
    assert "Enter a whole number" in wrong.text


def test_it_is_fetched_again_cancelled_disabled_and_deleted(person, web, place, home):
    assert person.submit(f"{place}/retry").status_code == 303
    assert stored(web).status == "queued"
    person.submit(f"{place}/cancel")
    assert rows(Task)[0].status == "cancelled"
    assert "cancelled" in person.page(place).find(id="web_state").text
    person.submit(f"{place}/disable")
    assert "not fetched again by itself" in person.page(place).text
    assert person.submit(f"{place}/delete").location == home
    assert rows(WebUrl) == []


def test_whoever_lost_the_right_is_named(person, web, place):
    assert "lost the right" in person.page(place).text


def test_viewers_look_and_change_nothing(viewer, web, place, home):
    page = viewer.page(place)
    assert not page.select("form[method=post] button") or not page.find("form", action=f"{place}/retry")
    assert not page.find("a", href=f"{place}/bounds")
    for path in (f"{home}/new/web", f"{place}/bounds"):
        assert viewer.get(path).status_code == 403
        assert viewer.submit(path, FORM).status_code == 403
    assert viewer.submit(f"{place}/retry").status_code == 403


def test_or_isolation_another_organisation_s_address_does_not_exist(person, base, home):
    other = orgs.org()
    theirs = knowledge.web(knowledge.base(other))
    fetched = knowledge.page(theirs, title="Theirs")
    for source in (theirs, fetched):
        for way in (home, f"/o/{other.slug}/knowledge/{theirs.knowledge_base_id}/sources"):
            for path in ("", "/state", "/bounds", "/delete"):
                assert person.get(f"{way}/{source.id}{path}").status_code == 404
            for act in ("/bounds", "/retry", "/cancel", "/disable", "/delete"):
                assert person.submit(f"{way}/{source.id}{act}", FORM).status_code == 404
    assert stored(theirs).enabled
