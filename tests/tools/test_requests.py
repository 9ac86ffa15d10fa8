"""Addresses of tools: arguments stay where they belong."""

import pytest

from app.tools.parts import HttpConfig
from app.tools.services.requests import RequestRefused, check_header, checked_template, made_request
from app.web.outbound import OutboundRefused
from tests.connections.given import INTERNAL


@pytest.fixture(autouse=True)
def _within(app):
    with app.app_context():
        yield


def made(arguments, **config):
    return made_request(HttpConfig(url="https://1.1.1.1/cities/{city}?v=1", **config), arguments, "once")


def test_arguments_go_into_path_query_and_body():
    asked = made({"city": "São Paulo/x", "days": 3, "tags": ["a", "b"], "more": None})
    assert asked.url == "https://1.1.1.1/cities/S%C3%A3o%20Paulo%2Fx?v=1&days=3&tags=a&tags=b"
    assert (asked.method, asked.body, "Idempotency-Key" in asked.headers) == ("GET", None, False)
    posted = made({"city": "Rome", "days": 3, "lang": "en"}, method="POST", places={"lang": "query"})
    assert (posted.url, posted.body) == ("https://1.1.1.1/cities/Rome?v=1&lang=en", b'{"days":3}')
    assert posted.headers["Idempotency-Key"] == "once"
    deleted = made({"city": "Rome", "why": "x"}, method="DELETE")
    assert (deleted.url, deleted.body) == ("https://1.1.1.1/cities/Rome?v=1&why=x", None)
    assert deleted.headers["Idempotency-Key"] == "once"


@pytest.mark.parametrize(
    "city",
    ["..", ".", "../admin", "..\\admin", "a/../../admin", "", "a\r\nX-Evil: 1", "a\0", None, ["a"], {"a": 1}],
)
def test_ss_4_a_value_does_not_leave_its_segment(city):
    with pytest.raises(RequestRefused, match="part of the path"):
        made({"city": city})


@pytest.mark.parametrize(
    "city", ["//evil.example/x", "x?admin=1", "x#y", "@evil.example", "%2e%2e", "a;b", "https://evil.example"]
)
def test_ss_4_host_query_and_scheme_never_come_from_a_value(city):
    url = made({"city": city, "q": "a&b=c\r\nX: 1#"}).url
    assert url.startswith("https://1.1.1.1/cities/")
    path, _, query = url.partition("?")
    assert path.count("/") == 4
    assert "#" not in url
    assert query == "v=1&q=a%26b%3Dc%0D%0AX%3A+1%23"


def test_segments_that_become_dots_together_are_refused():
    with pytest.raises(RequestRefused, match="part of the path"):
        made_request(HttpConfig(url="https://1.1.1.1/{a}{b}/x"), {"a": ".", "b": "."})


@pytest.mark.parametrize(
    "url",
    [
        *(url for url in INTERNAL if "?" not in url),
        "{scheme}://1.1.1.1/",
        "https://{host}/x",
        "https://1.1.1.1:{port}/x",
        "https://1.1.1.1/x?q={q}",
        "https://1.1.1.1/{a}/{a}",
        "https://1.1.1.1/{a b}",
        "https://1.1.1.1/{",
        "https://1.1.1.1/../{a}",
        "https://{user}@1.1.1.1/x",
        "https://[::1",
    ],
)
def test_ss_addresses_of_tools_are_checked(url):
    with pytest.raises(OutboundRefused):
        checked_template(url)


def test_a_template_is_kept_as_it_is():
    assert checked_template(" https://1.1.1.1/a/{b}.json?c=1 ") == "https://1.1.1.1/a/{b}.json?c=1"


@pytest.mark.parametrize(
    ("name", "value"),
    [("X Y", "1"), ("X", "a\r\nb"), ("Host", "x"), ("Authorization", "x"), ("cookie", "x"), ("X", "é")],
)
def test_headers_that_may_not_be_set_are_refused(name, value):
    assert check_header(name, value)
    assert check_header("X-Version", "2") is None
