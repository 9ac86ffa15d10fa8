"""The guarded HTTP client against real servers on loopback, and against addresses it must not call."""

import ipaddress
import socket
import time
from dataclasses import replace
from http import HTTPStatus

import pytest

from app.web.outbound import Call, OutboundFailed, OutboundRefused, check, fetch, is_public
from tests.support.answers import dripping, permitting, serving

NOT_PUBLIC = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "feff::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001::1",
    "::127.0.0.1",
]
SPELLINGS = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0/",
    "http://localhost/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://127.0.0.1./",
    "http://\uff11\uff12\uff17.0.0.1/",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_what_is_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.fixture
def allow(app):
    """A function that permits calls to servers of this machine."""
    with permitting(app) as permit:
        yield permit


@pytest.mark.parametrize("url", SPELLINGS)
def test_ss_1_spellings_of_this_machine_are_refused(allow, url):
    with pytest.raises(OutboundRefused):
        check("tool", url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://user@example.com/",
        "http://example.com:8081\\@127.0.0.1/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://[fe80::1%25eth0]/",
        "http://example.com:99999/",
        "//example.com/",
        "http://",
        "",
        "http://[::1",
    ],
)
def test_ss_1_addresses_that_are_no_plain_web_addresses(allow, url):
    with pytest.raises(OutboundRefused):
        check("tool", url)


def test_ss_1_an_allowed_host_is_called_for_its_kind_only(allow):
    with serving(ok=(200, {}, b'{"a": 1}')) as server:
        allow(server)
        answer = fetch(Call("tool", f"{server.url}/ok?q=1"))
        assert (answer.status, answer.json()) == (200, {"a": 1})
        assert server.seen[0][1]["Host"] == f"127.0.0.1:{server.server_port}"
        for refused in (Call("model", f"{server.url}/ok"), Call("tool", "http://127.0.0.1:1/ok")):
            with pytest.raises(OutboundRefused):
                fetch(refused)
        assert len(server.seen) == 1


def test_ss_2_redirects_pass_the_same_checks_and_leave_secrets_behind(allow):
    with serving(there=(200, {}, b"ok")) as there, serving() as inside, serving() as here:
        allow(here, there)
        here.answers = {
            "/out": (302, {"Location": f"{there.url}/there"}, b""),
            "/in": (307, {"Location": f"{inside.url}/x"}, b""),
            "/file": (301, {"Location": "file:///etc/passwd"}, b""),
            "/loop": (302, {"Location": "/loop"}, b""),
        }
        call = Call("tool", f"{here.url}/out", secret_headers={"Authorization": "Bearer s", "X-Key": "s"})
        assert fetch(replace(call, headers={"Cookie": "c"})).status == HTTPStatus.OK
        assert here.seen[0][1]["Authorization"] == "Bearer s"
        assert not {"Authorization", "X-Key", "Cookie"} & there.seen[0][1].keys()
        for path in ("in", "file"):
            with pytest.raises(OutboundRefused):
                fetch(Call("tool", f"{here.url}/{path}"))
        assert inside.seen == []
        before = len(here.seen)
        with pytest.raises(OutboundFailed, match="redirects"):
            fetch(Call("tool", f"{here.url}/loop"))
        assert len(here.seen) - before == 6


@pytest.mark.parametrize("location", ["http://[", "//[::1", "http://exa\u2100mple.com/"])
def test_ss_2_redirects_that_cannot_be_read_are_refused(allow, location):
    with serving(out=(302, {"Location": location.encode().decode("latin-1")}, b"")) as server:
        allow(server)
        with pytest.raises(OutboundRefused):
            fetch(Call("tool", f"{server.url}/out"))


def test_hosts_in_other_alphabets_are_named_as_dns_knows_them(allow, monkeypatch):
    resolved = socket.getaddrinfo

    def looked_up(host, *args, **options):
        return resolved("127.0.0.1" if host == b"xn--mnchen-3ya.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with serving(ok=(200, {}, b"ok")) as server:
        allow(server, host="münchen.example")
        answer = fetch(Call("tool", f"http://münchen.example:{server.server_port}/ok"))
        assert answer.body == b"ok"
        assert server.seen[0][1]["Host"] == f"xn--mnchen-3ya.example:{server.server_port}"


def test_ss_3_answers_are_bounded(allow):
    with serving(big=(200, {}, b"x" * 2000), wide=(200, {"X-Wide": "y" * 66_000}, b"")) as server:
        allow(server)
        with pytest.raises(OutboundFailed, match="larger"):
            fetch(Call("tool", f"{server.url}/big", max_bytes=1000))
        with pytest.raises(OutboundFailed):
            fetch(Call("tool", f"{server.url}/wide"))
        with pytest.raises(OutboundFailed, match="not JSON"):
            fetch(Call("tool", f"{server.url}/big")).json()


def test_ss_3_silence_ends_in_time(allow):
    with serving() as server:
        allow(server)
        server.shutdown()
        with pytest.raises(OutboundFailed, match="did not answer: it took too long"):
            fetch(Call("tool", f"{server.url}/x", seconds=0.3))


def test_what_is_no_answer_is_said_in_words(allow):
    with serving(packed=(200, {"Content-Encoding": "gzip"}, b"no gzip")) as server:
        allow(server)
        with pytest.raises(OutboundFailed, match="what it sent cannot be unpacked"):
            fetch(Call("tool", f"{server.url}/packed"))
    with dripping(b"SSH-2.0-other\r\n\r\n", b"x") as server:
        allow(server)
        with pytest.raises(OutboundFailed, match="does not speak HTTP"):
            fetch(Call("tool", server.url))


def test_a_server_that_cannot_be_reached_is_told_from_one_that_is_not_secure(allow):
    with serving() as server:
        allow(server)
        address = server.url.removeprefix("http://")
        with pytest.raises(OutboundFailed, match="no secure connection can be made"):
            fetch(Call("tool", f"https://{address}/"))
    with pytest.raises(OutboundFailed, match="did not answer: no connection can be made"):
        fetch(Call("tool", f"http://{address}/"))


def test_a_form_is_not_sent_on(allow):
    with serving(start=(303, {"Location": "/end"}, b""), end=(200, {}, b"done")) as server:
        allow(server)
        answer = fetch(Call("tool", f"{server.url}/start", "POST", form={"secret": "s"}))
        assert answer.body == b"done"
        assert server.seen[1][1].get("Content-Length", "0") == "0"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", b"a"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"5\r\n\x00\x00\x00\xff\xff\r\n",
        ),
    ],
    ids=["headers", "hints", "trailers", "packed"],
)
def test_ss_3_drops_that_never_make_an_answer_end_in_time(allow, begin, piece):
    with dripping(begin, piece) as server:
        allow(server)
        began = time.monotonic()
        with pytest.raises(OutboundFailed):
            fetch(Call("tool", server.url, seconds=0.5))
        assert time.monotonic() - began < 3
