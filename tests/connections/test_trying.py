"""The test of a connection against real servers, whatever they answer."""

import re

import pytest

from app.audit.models import AuditEvent
from app.connections import providers
from tests.connections.given import ANTHROPIC, INTERNAL, JSON, OPENAI, SECRET, body, path
from tests.factories import connections
from tests.factories.rows import rows
from tests.support.answers import serving


def said_of(person, connection, **options):
    """The words of a test's answer."""
    answer = person.submit(path(connection, "/test"), **options)
    assert answer.status_code == 200
    assert SECRET not in answer.text
    return " ".join(
        re.sub(r"<[^>]+>", " ", answer.text.split('id="test_result"')[1].split("<section")[0]).split()
    )


@pytest.mark.parametrize("url", [url for url in INTERNAL if not url.startswith("https://1.1.1.1")])
def test_ss_addresses_that_may_not_be_called_are_not_tested(person, org, url):
    stored = connections.connection(org, base_url=url)
    said = said_of(person, stored)
    assert "The connection does not work No answer after" in said
    assert person.submit(path(stored, "/models/offered")).status_code == 200


def test_the_test_says_what_openais_protocol_answers(person, provider):
    server, stored = provider
    server.answers["/models"] = (200, JSON, body(OPENAI))
    for options in ({}, {"htmx": True}):
        said = said_of(person, stored, **options)
        assert re.search(r"The connection works Status 200 after [\d,]+ ms, 3 models\.", said)
    assert server.seen[0][1]["Authorization"] == f"Bearer {SECRET}"
    assert rows(AuditEvent) == []


def test_the_test_says_what_anthropics_protocol_answers(person, org, allow):
    key = connections.credential(org, SECRET)
    with serving() as server:
        allow(server)
        server.answers["/v1/models"] = (200, JSON, body(ANTHROPIC))
        stored = connections.connection(org, kind="anthropic", base_url=server.url, credential_id=key.id)
        assert "Status 200" in said_of(person, stored)
        headers = server.seen[0][1]
        assert (headers["x-api-key"], headers["anthropic-version"]) == (SECRET, "2023-06-01")
        assert "Authorization" not in headers


REFUSALS = [
    (
        401,
        JSON,
        {"error": {"message": f"Incorrect API key provided: {SECRET}."}},
        "Incorrect API key provided: •••.",
    ),
    (401, JSON, {"error": {"message": f"No key {SECRET[:14]}***"}}, re.escape("No key •••***")),
    (
        429,
        JSON,
        {"error": {"type": "rate_limit_error", "message": "Slow down"}},
        "Status 429 after .*: Slow down",
    ),
    (500, JSON, {"error": "it broke"}, "it broke"),
    (400, JSON, {"detail": "Bad\n<b>thing</b>\u0007"}, "Bad"),
    (403, JSON, {"message": "not here"}, "not here"),
    (403, JSON, [1, 2], "The provider gives no reason."),
    (200, JSON, {"models": []}, "no list of models"),
    (200, JSON, "text", "no list of models"),
    (200, {"Content-Type": "text/html"}, b"<!doctype html><title>Sign in</title>", "a web page"),
    (502, {"Content-Type": "text/plain"}, b"upstream away", "Status 502 after .*: upstream away"),
    (200, {}, b"", "empty"),
    (200, {}, b"\xff\xfe\x00", "no JSON"),
    (200, JSON, b"[" * 100_000, "no JSON"),
    (404, {}, b"", "Look whether the base URL is complete"),
]


@pytest.mark.parametrize(("status", "headers", "given", "words"), REFUSALS)
def test_the_test_repeats_why_a_provider_refuses(person, provider, status, headers, given, words):
    server, stored = provider
    server.answers["/models"] = (status, headers, given if isinstance(given, bytes) else body(given))
    said = said_of(person, stored)
    assert "The connection does not work" in said
    assert f"Status {status}" in said
    assert re.search(words, said)


def test_the_test_ends_when_nobody_answers(person, provider, monkeypatch):
    server, stored = provider
    monkeypatch.setattr(providers, "SECONDS", 0.5)
    server.shutdown()
    assert "No answer after" in said_of(person, stored)


def test_the_test_reads_no_more_than_its_limit(person, provider, monkeypatch):
    server, stored = provider
    monkeypatch.setattr(providers, "MOST_BYTES", 50_000)
    server.answers["/models"] = (200, JSON, b'{"data": "' + b"x" * 200_000)
    assert "larger than 50 kB" in said_of(person, stored)


def test_ss_the_test_follows_no_redirect_to_an_address_it_may_not_call(person, provider):
    server, stored = provider
    with serving() as inside:
        for url in (f"{inside.url}/models", "http://169.254.169.254/latest", "file:///etc/passwd"):
            server.answers["/models"] = (302, {"Location": url}, b"")
            assert "The connection does not work No answer" in said_of(person, stored)
        assert inside.seen == []


def test_ss_a_secret_does_not_follow_a_redirect_to_another_server(person, provider, allow):
    server, stored = provider
    with serving(models=(200, JSON, body(OPENAI))) as other:
        allow(server, other)
        server.answers["/models"] = (302, {"Location": f"{other.url}/models"}, b"")
        assert "3 models" in said_of(person, stored)
        assert "Authorization" not in other.seen[0][1]
