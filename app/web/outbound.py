"""The guarded HTTP client: every request to an address that a person, a model or a page named goes through it.

An address is parsed once and resolved once, each resolved address is judged, and the connection goes to the judged
address while Host and server name keep the name. The operator permits addresses of the local network per kind.
"""

import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from app.late import load
from app.web.security import settings

MAX_REDIRECTS = 5
MAX_HEADER_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
# Ranges that count as global although they lead to other networks by translation or tunnel (RFC 6052, 3056, 4380), or
# are those of a site (RFC 3879).
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "::/96",
        "2001::/32",
        "192.0.0.0/24",
        "100.64.0.0/10",
        "fec0::/10",
    )
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutboundRefused(Exception):
    """The address may not be called; the message says why."""


class OutboundFailed(Exception):
    """The call ended without a usable answer; the message says why."""


@dataclass(frozen=True)
class Call:
    """What to ask. `kind` is that of the operator's allow-list; headers in `secret_headers` stay with one origin.

    `body` is sent as `content_type`; a call has a body or a form.
    """

    kind: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    secret_headers: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    body: bytes | None = None
    content_type: str = "application/json"
    seconds: float = 10
    max_bytes: int = 1024 * 1024
    redirects: int = MAX_REDIRECTS


@dataclass(frozen=True)
class Answer:
    """Status, headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON. Raises OutboundFailed."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise OutboundFailed("The answer is not JSON.") from error


@dataclass(frozen=True)
class Target:
    """An address that may be called: its parts and the one resolved address to connect to."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What secrets may not leave."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def check(kind: str, url: str) -> None:
    """Raise OutboundRefused unless `url` may be called now; used when an address is saved or tested."""
    judge(kind, url)


def fetch(call: Call) -> Answer:
    """Ask, following redirects through the same checks.

    Raises OutboundRefused for an address that may not be called, OutboundFailed for what goes wrong after that.
    """
    deadline = time.monotonic() + call.seconds
    target = first = judge(call.kind, call.url)
    for _ in range(call.redirects + 1):
        headers = _headers(call, keep_secrets=target.origin == first.origin)
        answer: Answer = load("app.web.transport:ask")(target, call, headers, deadline)
        location = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not location:
            return answer
        call = _redirected(call, location, answer.status)
        target, before = judge(call.kind, call.url), target
        if before.scheme == "https" and target.scheme == "http":
            raise OutboundRefused("A redirect leads from https to http.")
    raise OutboundFailed(f"More than {call.redirects} redirects.")


def _redirected(call: Call, location: str, status: int) -> Call:
    """The next hop; as browsers do, nothing is sent again (RFC 9110, section 15.4), unless the status says so."""
    try:
        url = urljoin(call.url, location)
    except ValueError as error:
        raise OutboundRefused("A redirect leads to an address that cannot be read.") from error
    if status in {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}:
        return replace(call, url=url)
    return replace(call, url=url, form=None, body=None, method="HEAD" if call.method == "HEAD" else "GET")


def _headers(call: Call, *, keep_secrets: bool) -> dict[str, str]:
    plain = {
        name: value for name, value in (call.headers or {}).items() if name.lower() not in _SECRET_HEADERS
    }
    if call.body is not None:
        plain["Content-Type"] = call.content_type
    return {**plain, **(call.secret_headers or {})} if keep_secrets else plain


def judge(kind: str, url: str) -> Target:
    """The parts of an address, resolved once. Raises OutboundRefused unless it may be called now."""
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise OutboundRefused("The address holds white space, control characters or a backslash.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutboundRefused("The address cannot be read.") from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host or "%" in host or "@" in parts.netloc:
        raise OutboundRefused("The address must be http:// or https:// with a plain host name.")
    port = port or _PORTS[parts.scheme]
    allowed = (kind, host, port) in settings().outbound_allow
    if not allowed and port not in _PORTS.values():
        raise OutboundRefused(f"Port {port} is not permitted; the operator can list it in OUTBOUND_ALLOW.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name, address = _resolve(host, port, allowed=allowed)
    return Target(parts.scheme, name, port, address, path)


def _resolve(host: str, port: int, *, allowed: bool) -> tuple[str, str]:
    """The host as DNS knows it, and one address of it.

    Refuses the host if any of its addresses is not public, unless it is allow-listed.
    """
    try:
        name = host.encode("idna")
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundRefused(f"The host {host} cannot be found.") from error
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not (allowed or all(is_public(address) for address in addresses)):
        raise OutboundRefused(f"The host {host} is not on the public internet.")
    return name.decode(), str(addresses[0])


def check_headers(raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise OutboundFailed for headers that are too large."""
    if sum(len(name) + len(value) for name, value in raw) > MAX_HEADER_BYTES:
        raise OutboundFailed("The answer's headers are too large.")


def is_public(address: Address) -> bool:
    """Whether an address is reachable for everyone and means what it says."""
    address = getattr(address, "ipv4_mapped", None) or address
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER if network.version == address.version)
    )
