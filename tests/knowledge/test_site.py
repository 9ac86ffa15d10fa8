"""Crawling a real web server on loopback: robots, redirects, loops, sitemaps, conditional requests, damage."""

import gzip
import time

import pytest

from app.knowledge.crawler import site
from app.knowledge.crawler.addresses import plain_address
from app.knowledge.crawler.links import read_links
from app.knowledge.crawler.site import Bounds, Known, Site
from app.knowledge.crawler.sitemap import read_sitemap
from app.web.outbound import OutboundFailed, OutboundRefused
from tests.support.answers import serving

HTML = {"Content-Type": "text/html"}


def page(*links, head=""):
    anchors = "".join(f'<a href="{link}">on</a>' for link in links)
    return 200, HTML, f"<html><head>{head}</head><body>{anchors}</body></html>".encode()


@pytest.fixture
def crawl(allow):
    """A function that crawls a server from a path; it returns the visits by path."""

    def run(server, path="/", bounds=Bounds(3, 50), known=None, waits=None):  # noqa: B008 - frozen
        allow(server, kind="crawl")
        known = {server.url + name: before for name, before in (known or {}).items()}
        pauses = [] if waits is None else waits
        visits = Site(server.url + path, bounds, known.get, pauses.append).visits()
        return {visit.url.removeprefix(server.url): visit for visit in visits}

    return run


def test_links_are_followed_as_deep_as_asked_and_each_page_once(crawl):
    answers = {"": page("a", "a#part", "/"), "a": page("/b"), "b": page("/c", "/"), "c": page()}
    with serving(**answers) as server:
        assert list(crawl(server, bounds=Bounds(2, 50))) == ["/", "/a", "/b"]
        assert list(crawl(server, bounds=Bounds(0, 50))) == ["/"]
        assert list(crawl(server, bounds=Bounds(9, 50))) == ["/", "/a", "/b", "/c"]


def test_a_page_that_links_to_itself_with_a_counter_ends_at_the_limit(crawl):
    with serving(**{"": page("?n=1", "?n=2", "?n=3", "?n=4", "?n=5", "?n=6")}) as server:
        assert len(crawl(server, bounds=Bounds(9, 4))) == 4


def test_pages_beyond_the_limit_do_not_wait_for_their_turn(crawl):
    """What is never fetched is not kept, and a page that leads there says what stands there."""
    answers = {"": page("/a", "/z"), "a": (302, {"Location": "/z"}, b""), "z": (200, HTML, b"<p>Here.")}
    with serving(**answers) as server:
        visits = crawl(server, bounds=Bounds(9, 2))
    assert (list(visits), visits["/a"].status, visits["/a"].text) == (["/", "/a"], "changed", "<p>Here.")


def test_other_sites_and_folders_are_left_alone(crawl):
    with (
        serving() as elsewhere,
        serving(**{"docs/": page("x", "/blog", f"{elsewhere.url}/y"), "docs/x": page()}) as server,
    ):
        assert list(crawl(server, "/docs/")) == ["/docs/", "/docs/x"]
        assert elsewhere.seen == []


def test_robots_are_obeyed(crawl):
    robots = 200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /secret\nCrawl-delay: 3\n"
    waits = []
    with serving(
        **{"robots.txt": robots, "": page("/secret", "/open"), "secret": page(), "open": page()}
    ) as server:
        visits = crawl(server, waits=waits)
        assert "robots.txt" in visits["/secret"].reason
        assert visits["/open"].status == "changed"
        assert "/secret" not in [path for path, _ in server.seen]
    assert set(waits) == {3}


def test_without_a_robots_file_everything_may_be_fetched_and_with_a_broken_one_nothing(crawl):
    for status in (404, 403):
        with serving(**{"robots.txt": (status, {}, b""), "": page()}) as server:
            assert crawl(server)["/"].status == "changed"
    with serving(**{"robots.txt": (500, {}, b""), "": page()}) as server:
        with pytest.raises(OutboundFailed, match=r"robots\.txt"):
            crawl(server)
        assert [path for path, _ in server.seen] == ["/robots.txt"]


def test_authors_say_what_is_not_indexed_or_followed(crawl):
    answers = {
        "": page("/quiet", "/shy"),
        "quiet": page("/a", head='<meta name="robots" content="noindex">'),
        "shy": page("/b", head='<meta name="ROBOTS" content="NOFOLLOW">'),
        "a": page(),
        "b": page(),
    }
    with serving(**answers) as server:
        visits = crawl(server)
    assert visits["/quiet"].status == "gone"
    assert visits["/shy"].status == "changed"
    assert "/a" in visits
    assert "/b" not in visits


def test_an_unchanged_page_costs_a_question_and_leads_where_it_led_before(crawl):
    with serving(**{"": (304, {"ETag": '"1"'}, b""), "gone": (410, {}, b""), "new": page()}) as server:
        links = [f"{server.url}/gone", f"{server.url}/new"]
        before = Known('"1"', "Sat, 28 Nov 2026 12:00:00 GMT", links)
        visits = crawl(server, known={"/": before, "/left": Known('"2"')})
        asked = dict(server.seen)
    assert asked["/"]["If-None-Match"] == '"1"'
    assert asked["/"]["If-Modified-Since"] == "Sat, 28 Nov 2026 12:00:00 GMT"
    assert visits["/"].status == "unchanged"
    assert visits["/gone"].status == "gone"
    assert visits["/new"].status == "changed"
    assert "/left" not in visits


def test_what_this_crawl_has_fetched_before_is_not_asked_for_again(crawl):
    answers = {"": page("/a"), "a": page("/b"), "b": page(), "c": page()}
    with serving(**answers) as server:
        visits = crawl(server, known={"/a": Known(links=[f"{server.url}/c"], done=True)})
        assert "/a" not in [path for path, _ in server.seen]
    assert visits["/a"].status == "done"
    assert visits["/c"].status == "changed"


def test_a_page_that_fails_leads_where_it_led_before(crawl):
    with serving(**{"": page("/a"), "a": (500, {}, b""), "b": page()}) as server:
        visits = crawl(server, known={"/a": Known(links=[f"{server.url}/b"])})
    assert (visits["/a"].status, visits["/b"].status) == ("failed", "changed")


def test_a_server_that_falls_silent_ends_the_crawl(crawl, monkeypatch):
    monkeypatch.setattr(site, "PAGE_SECONDS", 0.3)
    with serving(**{"": page(*(f"/{number}" for number in range(20)))}) as server:
        server.slow = {f"/{number}": 1.0 for number in range(20)}
        with pytest.raises(OutboundFailed):
            crawl(server)
        assert len(server.seen) < 12


def test_a_sitemap_names_what_is_fetched_and_no_link_is_followed(crawl):
    with serving(**{"docs/a": page("/docs/z"), "docs/b": page(), "docs/z": page()}) as server:
        names = "".join(f"<url><loc>{server.url}{path}</loc></url>" for path in ("/docs/a", "/docs/b", "/x"))
        server.answers["/docs/sitemap.xml"] = 200, {}, f"<urlset>{names}</urlset>".encode()
        assert list(crawl(server, "/docs/sitemap.xml", bounds=Bounds(0, 50, sitemap=True))) == [
            "/docs/a",
            "/docs/b",
        ]
        server.answers["/docs/sitemap.xml"] = 404, {}, b""
        with pytest.raises(OutboundFailed, match="The sitemap"):
            crawl(server, "/docs/sitemap.xml", bounds=Bounds(0, 50, sitemap=True))


def test_redirects_move_the_root_and_nothing_else_twice(crawl):
    to = lambda place: (302, {"Location": place}, b"")  # noqa: E731
    answers = {"": to("/en/"), "en/": page("old", "x", "loop", "out"), "en/x": page(), "en/old": to("/en/x")}
    with serving() as elsewhere:
        answers |= {"en/loop": to("/en/loop"), "en/out": to(f"{elsewhere.url}/")}
        with serving(**answers) as server:
            visits = crawl(server)
    assert visits["/"].status == "changed"
    assert visits["/en/old"].status == "gone"
    assert visits["/en/loop"].reason == "More than 5 redirects."
    assert visits["/en/out"].status == "failed"
    assert "/en/x" in visits


def test_ss_2_a_redirect_to_this_machine_is_refused(crawl):
    with serving() as inside, serving(**{"": (302, {"Location": f"{inside.url}/"}, b"")}) as server:
        with pytest.raises(OutboundRefused):
            crawl(server)
        assert inside.seen == []


def test_sitemaps_name_pages_that_nothing_links_to(crawl):
    place = "<url><loc>{url}/hidden</loc></url><url><loc>http://elsewhere.example/</loc></url>"
    with serving(**{"": page(), "hidden": page()}) as server:
        body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{place.format(url=server.url)}</urlset>'
        server.answers["/sitemap.xml"] = 200, {}, gzip.compress(body.encode())
        assert list(crawl(server)) == ["/", "/hidden"]
        assert list(crawl(server, bounds=Bounds(0, 50))) == ["/"]


def test_failures_say_what_happened_and_the_rest_goes_on(crawl):
    answers = {
        "": page("/error", "/picture", "/empty", "/odd"),
        "error": (500, {}, b""),
        "picture": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
        "empty": (204, {}, b""),
        "odd": (200, {"Content-Type": "text/html; charset=no-such"}, "Grüße".encode()),
    }
    with serving(**answers) as server:
        visits = crawl(server)
    assert visits["/error"].reason == "The server answered with status 500."
    assert (visits["/picture"].body, visits["/picture"].media_type) == (b"\x89PNG", "image/png")
    assert visits["/empty"].status == "failed"
    assert visits["/odd"].text == "Grüße"


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "utf-7", "unicode_escape", "a\0b"])
def test_what_is_no_encoding_is_read_as_the_usual_one(crawl, charset):
    body = f"<meta charset={charset}><p>Grüße +2AA- \\ud800".encode()
    with serving(**{"": page("/odd", "/well"), "odd": (200, HTML, body), "well": page()}) as server:
        visits = crawl(server)
    assert visits["/odd"].text == body.decode()
    assert visits["/well"].status == "changed"


def test_a_server_that_asks_for_patience_without_end_fails(crawl):
    with serving(**{"": page("/busy"), "busy": (503, {"Retry-After": "9" * 5000}, b"")}) as server:
        assert crawl(server)["/busy"].status == "failed"


def test_a_busy_server_is_asked_again_once(crawl):
    waits = []
    with serving(**{"": page("/busy"), "busy": (503, {"Retry-After": "2"}, b"")}) as server:
        assert crawl(server, waits=waits)["/busy"].status == "failed"
        assert [path for path, _ in server.seen].count("/busy") == 2
    assert 2 in waits


def test_ss_3_a_page_without_end_is_cut_off(crawl, monkeypatch):
    monkeypatch.setattr(site, "MOST_BYTES", 1000)
    with serving(**{"": page("/big"), "big": (200, HTML, b"x" * 5000)}) as server:
        assert "larger than 1 kB" in crawl(server)["/big"].reason


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("HTTP://Example.com:80/a#b", "http://example.com/a"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:8443/?q=1", "https://example.com:8443/?q=1"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ("javascript:alert(1)", None),
        ("mailto:a@example.com", None),
        ("http://user:secret@example.com/", None),
        ("http://example.com:99999/", None),
        ("http://[::1", None),
    ],
)
def test_addresses_have_one_spelling(url, plain):
    assert plain_address(url) == plain


def test_damaged_pages_give_what_can_be_read():
    html = '<base href="/docs/"><a href="x">1<a href=" y ">2</a><a href="http://[">3<a rel="nofollow" href="z"><a href'
    assert read_links(html, "http://example.com/").addresses == [
        "http://example.com/docs/x",
        "http://example.com/docs/y",
    ]


@pytest.mark.parametrize("damage", ["<![foo[x]]>", "<![ ", "<![]]>", "<!", "\0", "\ud800"])
def test_damage_hides_no_link_before_it(damage):
    assert read_links(f'<a href="x">1</a>{damage}', "http://example.com/").addresses == [
        "http://example.com/x"
    ]


@pytest.mark.parametrize("beginning", ["<a ", "<a b=", '<a href="', "<!--", "<"])
def test_ss_3_tags_without_an_end_take_no_time(beginning):
    began = time.process_time()
    read_links(beginning * 50_000, "http://example.com/")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("body", "pages"),
    [
        (b"", []),
        (b"<urlset><url><loc>http://e/1</loc></url>", ["http://e/1"]),
        (b"http://e/1\nnot one\nhttp://e/2\n", ["http://e/1", "http://e/2"]),
        (b"\x1f\x8bdamaged", []),
        (gzip.compress(b"http://e/1\n", mtime=0)[:10] + b"\xff" * 9, []),
        (b'<!DOCTYPE u [<!ENTITY a "b">]><urlset><url><loc>http://e/&a;</loc></url></urlset>', ["http://e/"]),
        (b"<urlset>" + b"<url><loc>http://e/</loc></url>" * 50 + b"</urlset>", ["http://e/"] * 9),
    ],
)
def test_sitemaps_of_every_kind(body, pages):
    assert read_sitemap(body, 9)[0] == pages
