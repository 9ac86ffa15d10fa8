"""Addresses as sources, crawled from a real web server on loopback: only what changed, and nothing that is gone."""

import tracemalloc

import pytest
from sqlalchemy import insert, update
from uuid_utils.compat import uuid7

from app.audit.models import AuditEvent
from app.db.tables import Task, TaskEvent
from app.knowledge.embedders.registry import Model
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import WebPage, WebUrl
from app.knowledge.services import bases, crawling, generations, sources, web
from app.knowledge.services.evaluating import Direct
from app.knowledge.services.retrieval import Question, search
from app.web.errors import NotFound, Refusal
from tests.factories import knowledge, orgs
from tests.factories.rows import rows, stored
from tests.support.answers import serving
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.knowledge import searchable, set_all, without_live_source

SITE = {"scope": "site", "max_depth": 3, "max_pages": 50, "refresh_seconds": None}
FEES = "There are no fees for students."
RULES = "Refunds take five days."


def page(words, *links, title="", etag=""):
    anchors = "".join(f'<a href="{link}">on</a>' for link in links)
    body = f"<html><title>{title}</title><main><p>{words}</p></main><nav>{anchors}</nav></html>"
    headers = {"Content-Type": "text/html"} | ({"ETag": etag} if etag else {})
    return 200, headers, body.encode()


@pytest.fixture
def server(allow):
    """A site of three pages."""
    answers = {
        "": page("Welcome.", "/fees", "/rules", title="Start"),
        "fees": page(FEES),
        "rules": page(RULES),
    }
    with serving(**answers) as made:
        allow(made, kind="crawl")
        yield made


@pytest.fixture
def site(do, base, server):
    """A function that adds the server's address, crawls it, and returns its id."""

    def add(path="/", **values):
        return do(web.add_web, base.id, server.url + path, {**SITE, **values})

    return add


@pytest.fixture
def again(do, base):
    """A function that crawls an address once more."""
    return lambda web_id: do(sources.retry_source, base.id, "web", web_id)


def pages(server):
    return {row.url.removeprefix(server.url): row for row in rows(WebPage)}


def asked(server):
    """The paths asked for since the last time."""
    paths = [path for path, _ in server.seen if path not in {"/robots.txt", "/sitemap.xml"}]
    server.seen.clear()
    return paths


def test_a_site_is_brought_in_page_by_page(site, base, server):
    web_id = site()
    found = pages(server)
    assert {path: row.status for path, row in found.items()} == {
        "/": "ready", "/fees": "ready", "/rules": "ready"
    }  # fmt: skip
    assert found["/"].title == "Start"
    assert searchable() == ["# Start\n\nWelcome.", FEES, RULES]
    now = rows(WebUrl)[0]
    assert (now.id, now.status, now.chunk_count, now.error) == (web_id, "ready", 3, None)
    assert now.last_crawled_at is not None
    assert (stored(base).source_count, stored(base).chunk_count) == (1, 3)
    assert rows(AuditEvent, action="knowledge_source.add")[0].target_label == f"{server.url}/"
    assert rows(Task)[0].result == {"ready": 3}


def test_unchanged_pages_cost_no_embedding_and_no_text(site, again, server, embedded):
    server.answers["/fees"] = page(FEES, etag='"1"')
    web_id = site()
    embedded.clear()
    asked(server)
    server.answers["/fees"] = 304, {"ETag": '"1"'}, b""
    server.answers["/rules"] = page(RULES, "/noise-in-a-menu")
    again(web_id)
    headers = dict(server.seen)
    assert headers["/fees"]["If-None-Match"] == '"1"'
    assert embedded == []
    assert rows(Task)[-1].result == {"unchanged": 3, "left out": 1}
    assert {row.status for row in rows(WebPage)} == {"ready"}


def test_only_what_changed_is_embedded_again(site, again, server, embedded):
    web_id = site()
    embedded.clear()
    server.answers["/rules"] = page("Refunds take nine days.")
    again(web_id)
    assert embedded == ["Refunds take nine days."]
    assert searchable() == ["# Start\n\nWelcome.", FEES, "Refunds take nine days."]


def test_pages_that_are_gone_go_at_once(site, again, server, base):
    web_id = site()
    server.answers["/rules"] = 410, {}, b""
    server.answers["/"] = page("Welcome.", "/rules", title="Start")
    again(web_id)
    assert list(pages(server)) == ["/"]
    assert searchable() == ["# Start\n\nWelcome."]
    assert rows(Task)[-1].result == {"unchanged": 1, "deleted": 2}
    assert (rows(WebUrl)[0].chunk_count, stored(base).chunk_count) == (1, 1)
    assert without_live_source() == 0


def test_a_page_that_fails_keeps_what_it_said_and_says_so(site, again, server):
    web_id = site()
    server.answers["/rules"] = 500, {}, b""
    server.answers["/"] = page("Welcome.", "/fees", "/rules", "/new", title="Start")
    server.answers["/new"] = 503, {}, b""
    again(web_id)
    found = pages(server)
    assert (found["/rules"].status, found["/new"].status) == ("failed", "failed")
    assert found["/rules"].error.startswith("The server answered with status 500. What was read before is")
    assert RULES in searchable()
    assert rows(WebUrl)[0].error == "2 of 4 pages could not be read now."
    server.answers["/rules"] = page(RULES)
    again(web_id)
    assert pages(server)["/rules"].error is None


def test_what_pages_linked_to_is_not_all_held_at_once(site, start, server):
    web_id = site(scope="page")
    links = [f"{server.url}/{number}/{'x' * 1_000}" for number in range(200)]
    address = stored(rows(WebUrl)[0])
    with as_owner() as session:
        values = {
            "org_id": address.org_id,
            "knowledge_base_id": address.knowledge_base_id,
            "web_url_id": web_id,
        }
        more = [
            {**values, "url": f"{server.url}/{number}", "markdown": "", "input_hash": b""}
            for number in range(50)
        ]
        session.execute(insert(WebPage), more)
        session.execute(update(WebPage).values(links=links))
    server.answers["/"] = 304, {}, b""
    start(sources.retry_source, address.knowledge_base_id, "web", web_id)
    (claim,) = claims()
    tracemalloc.start()
    try:
        assert run(claim)[0].status == "succeeded"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_the_log_of_a_crawl_says_what_went_wrong_and_nothing_else(site, server):
    server.answers["/fees"] = (500, {}, b"")
    site()
    said = f"{server.url}/fees: The server answered with status 500."
    assert [(event.kind, event.data) for event in rows(TaskEvent)] == [("log", {"words": said})]


def test_a_site_that_is_away_keeps_everything(site, again, server):
    web_id = site()
    before = searchable()
    server.answers["/"] = 500, {}, b""
    again(web_id)
    now = rows(WebUrl)[0]
    assert (now.status, now.error) == (
        "failed",
        "The server answered with status 500. What was read before is still searched.",
    )
    assert searchable() == before
    assert rows(Task)[-1].result == {"error": "The server answered with status 500."}


def test_redirects_loops_and_limits(site, server):
    to = lambda place: (302, {"Location": place}, b"")  # noqa: E731
    server.answers |= {
        "/": page("Welcome.", "/old", "/loop", "/counter?n=1"),
        "/old": to("/fees"),
        "/loop": to("/loop"),
        "/counter": page("Counting.", *(f"/counter?n={number}" for number in range(2, 30))),
    }
    site(max_pages=8)
    found = pages(server)
    assert found["/loop"].error == "More than 5 redirects."
    assert found["/old"].location == f"{server.url}/fees"
    assert "/fees" not in found
    assert len(found) == 8


def test_ss_2_a_page_that_leads_to_a_private_address_is_refused(site, server):
    with serving() as inside:
        server.answers["/rules"] = 302, {"Location": f"{inside.url}/secret"}, b""
        site()
        assert inside.seen == []
    assert "not permitted" in pages(server)["/rules"].error


def test_ss_1_an_address_of_the_own_network_is_refused_when_it_is_crawled(do, base):
    do(web.add_web, base.id, "http://169.254.169.254/latest", SITE)
    assert "is not on the public internet" in rows(WebUrl)[0].error
    assert rows(WebPage) == []


def test_a_slow_page_is_given_up_and_the_rest_goes_on(site, server, monkeypatch):
    monkeypatch.setattr("app.knowledge.crawler.site.PAGE_SECONDS", 0.4)
    server.slow["/fees"] = 1.5
    site()
    assert pages(server)["/fees"].status == "failed"
    assert searchable() == ["# Start\n\nWelcome.", RULES]


def test_robots_and_pages_without_text_leave_nothing(site, again, server):
    web_id = site()
    server.answers["/robots.txt"] = 200, {}, b"User-agent: *\nDisallow: /fees\n"
    server.answers["/rules"] = page("")
    again(web_id)
    assert searchable() == ["# Start\n\nWelcome."]
    assert rows(Task)[-1].result == {"unchanged": 1, "deleted": 2}


def test_a_single_page_and_a_sitemap(site, server):
    site(scope="page")
    assert list(pages(server)) == ["/"]
    names = "".join(f"<url><loc>{server.url}/{path}</loc></url>" for path in ("fees", "rules"))
    server.answers["/sitemap.xml"] = 200, {}, f"<urlset>{names}</urlset>".encode()
    site("/sitemap.xml", scope="sitemap")
    assert sorted(pages(server)) == ["/", "/fees", "/rules"]


def test_a_killed_worker_s_crawl_goes_on_where_it_ended(start, work, base, server, monkeypatch):
    start(web.add_web, base.id, f"{server.url}/", SITE)
    (claim,) = claims()
    real = crawling.ingest_source

    def killed(*arguments):
        if len(rows(WebPage)) == 2:
            raise SystemExit
        return real(*arguments)

    monkeypatch.setattr(crawling, "ingest_source", killed)
    with pytest.raises(SystemExit):
        run(claim)
    assert without_live_source() == 0
    assert {row.status for row in rows(WebPage)} == {"ready", "queued"}
    monkeypatch.undo()
    first = asked(server)
    with as_owner() as session:
        session.execute(update(Task).values(attempt=claim.attempt + 1))
    again = type(claim)(**{**vars(claim), "attempt": claim.attempt + 1})
    ending, _ = run(again)
    assert ending.status == "succeeded"
    assert (first, asked(server)) == (["/", "/fees"], ["/", "/rules"])
    assert len(rows(WebPage)) == 3
    assert searchable() == ["# Start\n\nWelcome.", FEES, RULES]
    assert len(rows(Chunk)) == 3


def test_a_newer_crawl_takes_over(start, base, server, monkeypatch):
    web_id = start(web.add_web, base.id, f"{server.url}/", SITE)
    (claim,) = claims()
    monkeypatch.setattr(
        crawling, "ingest_source", lambda *_: rows(WebUrl) and set_all(WebUrl, crawl_id=uuid7())
    )
    ending, _ = run(claim)
    assert ending.status == "succeeded"
    assert [row.id for row in rows(WebUrl)] == [web_id]
    assert len(rows(WebPage)) == 1


def test_disabling_and_deleting_act_at_once_in_every_generation(site, do, start, base, server):
    web_id = site()
    do(generations.rebuild, base.id, Model("words-768", 768))
    fees = pages(server)["/fees"].id
    start(sources.set_enabled, base.id, "page", fees, enabled=False)
    assert searchable() == ["# Start\n\nWelcome.", RULES]
    start(sources.set_enabled, base.id, "web", web_id, enabled=False)
    start(sources.set_enabled, base.id, "page", fees, enabled=True)
    assert searchable() == []
    start(sources.set_enabled, base.id, "web", web_id, enabled=True)
    assert searchable() == ["# Start\n\nWelcome.", FEES, RULES]
    start(sources.set_enabled, base.id, "page", fees, enabled=False)
    start(sources.set_enabled, base.id, "web", web_id, enabled=False)
    start(sources.set_enabled, base.id, "web", web_id, enabled=True)
    assert searchable() == ["# Start\n\nWelcome.", RULES]
    with pytest.raises(Refusal, match="A page is fetched again"):
        start(sources.delete_source, base.id, "page", fees)
    start(sources.delete_source, base.id, "web", web_id)
    start(generations.roll_back, base.id, 1)
    assert searchable() == []
    assert rows(WebPage) == rows(Chunk) == []


def test_pages_are_in_a_new_generation_and_come_back_without_the_network(site, do, base, server):
    site()
    server.answers.clear()
    now = stored(base)
    do(
        lambda org_id: bases.change_base(
            org_id, base.id, now.lock_version, {**bases.values_of(now), "size": 60}
        )
    )
    assert searchable() == ["# Start\n\nWelcome.", FEES, RULES]
    assert rows(WebUrl)[0].chunk_count == 3
    do(generations.roll_back, base.id, 1)
    assert searchable() == ["# Start\n\nWelcome.", FEES, RULES]
    assert {row.status for row in rows(WebPage)} == {"ready"}


def test_other_bounds_are_crawled_at_once(site, do, base, server):
    web_id = site()
    do(web.change_web, base.id, web_id, {**SITE, "scope": "page"})
    assert list(pages(server)) == ["/"]
    do(web.change_web, base.id, web_id, {**SITE, "refresh_seconds": 3600})
    assert len(pages(server)) == 3
    count = len(rows(Task))
    do(web.change_web, base.id, web_id, {**SITE, "refresh_seconds": 86400})
    assert len(rows(Task)) == count


def test_an_address_is_one_source(start, base):
    start(web.add_web, base.id, "https://example.com/", SITE)
    with pytest.raises(web.AddressTaken):
        start(web.add_web, base.id, "https://example.com/", SITE)


def test_a_crawl_can_be_cancelled_and_tried_again(start, work, base, server):
    web_id = start(web.add_web, base.id, f"{server.url}/", SITE)
    start(sources.cancel_source, base.id, "web", web_id)
    assert rows(Task)[0].status == "cancelled"
    assert work() == []
    with pytest.raises(Refusal, match="not being worked on"):
        start(sources.cancel_source, base.id, "web", web_id)
    start(sources.retry_source, base.id, "web", web_id)
    assert [ending.status for ending in work()] == ["succeeded"]
    assert len(searchable()) == 3


def test_hits_name_title_and_address_and_the_filter_knows_addresses(site, do, org, base, server):
    web_id = site()
    other = do(sources.add_text, base.id, "Elsewhere", "Students pay no fees elsewhere.")
    fees = pages(server)["/fees"].id
    found = search(org.id, Question("fees for students")).hits
    best = next(hit.passage for hit in found if hit.passage.source_id == fees)
    assert (best.kind, best.source_name, best.source_url) == (
        "page",
        f"{server.url}/fees",
        f"{server.url}/fees",
    )
    start = next(hit.passage for hit in search(org.id, Question("welcome")).hits)
    assert (start.source_name, start.source_url) == ("Start", f"{server.url}/")
    for ids, expected in (
        ([web_id], {pages(server)[path].id for path in pages(server)}),
        ([fees], {fees}),
    ):
        hits = search(org.id, Question("fees for students", source_ids=ids)).hits
        assert fees in {hit.passage.source_id for hit in hits} <= expected
    hits = search(org.id, Question("fees for students", source_ids=[other])).hits
    assert {hit.passage.source_id for hit in hits} == {other}
    assert hits[0].passage.source_url is None


def test_isolation_nothing_of_another_organisation_can_be_crawled_or_bounded(start, base):
    other = orgs.org()
    theirs = knowledge.base(other)
    address = knowledge.web(theirs)
    fetched = knowledge.page(address)
    for act in (
        lambda org_id: web.add_web(org_id, theirs.id, "https://example.com/", SITE),
        lambda org_id: web.change_web(org_id, theirs.id, address.id, SITE),
        lambda org_id: web.change_web(org_id, base.id, address.id, SITE),
        lambda org_id: sources.retry_source(org_id, base.id, "web", address.id),
        lambda org_id: sources.cancel_source(org_id, base.id, "web", address.id),
        lambda org_id: sources.set_enabled(org_id, base.id, "page", fetched.id, enabled=False),
        lambda org_id: sources.delete_source(org_id, base.id, "web", address.id),
    ):
        with pytest.raises(NotFound):
            start(act)
    assert rows(Task) == []
    assert list(crawling.crawl_pages(Direct(base.org_id), base.id, address.id)) == []
