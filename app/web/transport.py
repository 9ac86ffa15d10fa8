"""One request of `outbound.py` over the network; the HTTP client is large and loaded with the first of them."""

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpcore2
import httpx2

from app.web.filters import size_bound
from app.web.outbound import Answer, Call, OutboundFailed, Target, check_headers


class _Timely(httpcore2.NetworkStream):
    """A connection that is given up at a moment, however often a little more arrives before it."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - what is left counts
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - what is left counts
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - what is left counts
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timely(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimelyNetwork(httpcore2.SyncBackend):
    """Connections that are given up at a moment."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Timely(stream, self._deadline)


class _Transport(httpx2.HTTPTransport):
    """The transport for one request, which is over at a moment."""

    def __init__(self, deadline: float) -> None:
        trusted = ssl.create_default_context()
        super().__init__(verify=trusted, trust_env=False)
        self._pool = httpcore2.ConnectionPool(ssl_context=trusted, network_backend=_TimelyNetwork(deadline))


def ask(target: Target, call: Call, headers: Mapping[str, str], deadline: float) -> Answer:
    """One hop, to be over at `deadline` of the monotonic clock. Raises OutboundFailed."""
    address = f"[{target.address}]" if ":" in target.address else target.address
    request = httpx2.Request(
        call.method,
        f"{target.scheme}://{address}:{target.port}{target.path}",
        headers={"User-Agent": "AgentPress", **headers, "Host": target.netloc},
        content=call.body,
        data=call.form,
        extensions={"sni_hostname": target.host, "timeout": httpx2.Timeout(_left(deadline)).as_dict()},
    )
    try:
        with _Transport(deadline) as transport:
            response = transport.handle_request(request)
            body = b"".join(_bounded(response, deadline, call.max_bytes))
            response.close()
    except (httpx2.HTTPError, OSError) as error:
        raise OutboundFailed(f"{target.host} did not answer: {way_words(error)}.") from error
    return Answer(response.status_code, response.headers, body, call.url)


def way_words(failure: BaseException) -> str:
    """What went wrong on the way to an answer, for people: the end of a sentence."""
    match failure:
        case httpx2.ConnectError():
            secured = any(isinstance(cause, ssl.SSLError) for cause in _causes(failure))
            return "no secure connection can be made" if secured else "no connection can be made"
        case httpx2.TimeoutException():
            return "it took too long"
        case httpx2.DecodingError():
            return "what it sent cannot be unpacked"
        case httpx2.ProtocolError():
            return "it broke off, or does not speak HTTP"
    return "the connection broke"


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__


def _bounded(response: httpx2.Response, deadline: float, max_bytes: int) -> Iterator[bytes]:
    check_headers(response.headers.raw)
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise OutboundFailed(f"The answer is larger than {size_bound(max_bytes)}.")
        _left(deadline)
        yield chunk


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise OutboundFailed("The answer took too long.")
    return left
