"""The guard below the client libraries of models and tool servers: the same addresses, no redirects."""

import asyncio
import gzip

import httpx2
import pytest

from app.web.guarded import GuardedTransport
from app.web.outbound import OutboundFailed, OutboundRefused
from tests.support.answers import permitting, serving
from tests.support.apart import apart


def ask(kind: str, *urls: str, **limits: int) -> list[httpx2.Response]:
    async def all_of_them() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(transport=GuardedTransport(kind, **limits)) as client:
            return [await client.post(url, json={"a": 1}) for url in urls]

    return apart(asyncio.run, all_of_them())


def test_ss_1_an_allowed_host_answers_and_keeps_its_name(app):
    with permitting(app) as permit, serving(ok=(200, {}, b"{}")) as server:
        permit(server, kind="model", host="localhost")
        url = f"http://localhost:{server.server_port}/ok"
        answers = ask("model", url, url)
        assert [answer.json() for answer in answers] == [{}, {}]
        assert [str(answer.request.url) for answer in answers] == [url, url]
        assert server.seen[0][1]["Host"] == f"localhost:{server.server_port}"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://a@example.com/"]
)
def test_ss_1_a_client_library_cannot_reach_this_machine(app, url):
    with permitting(app), pytest.raises(OutboundRefused):
        ask("model", url)


def test_ss_2_a_redirect_is_an_answer_and_each_request_is_judged(app):
    with permitting(app) as permit, serving() as inside, serving() as server:
        server.answers = {"/out": (307, {"Location": f"{inside.url}/x"}, b"")}
        permit(server, kind="model")
        assert ask("model", f"{server.url}/out")[0].is_redirect
        with pytest.raises(OutboundRefused):
            ask("model", f"{server.url}/out", f"{inside.url}/x")
        assert inside.seen == []


def test_ss_3_answers_are_bounded(app):
    with permitting(app) as permit, serving(wide=(200, {"X-Wide": "y" * 66_000}, b"")) as server:
        server.answers["/big"] = (200, {}, b"x" * 2_000)
        permit(server, kind="model")
        with pytest.raises(OutboundFailed, match="larger"):
            ask("model", f"{server.url}/big", max_bytes=1_000)
        with pytest.raises(OutboundFailed, match="headers"):
            ask("model", f"{server.url}/wide")


def test_ss_3_what_is_packed_counts_as_large_as_it_is(app):
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with permitting(app) as permit, serving(bomb=(200, packed, gzip.compress(b" " * 100_000))) as server:
        server.answers["/small"] = (200, packed, gzip.compress(b'{"a": 1}'))
        permit(server, kind="model")
        assert ask("model", f"{server.url}/small", max_bytes=1_000)[0].json() == {"a": 1}
        with pytest.raises(OutboundFailed, match="larger"):
            ask("model", f"{server.url}/bomb", max_bytes=1_000)
