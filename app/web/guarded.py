"""The guard of outbound.py for client libraries that bring their own requests: a transport for their httpx2 client."""

import ssl
from collections.abc import AsyncIterator
from functools import cache

import httpx2

from app.web import outbound
from app.web.filters import size_bound
from app.web.transport import way_words


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates of the system, read once."""
    return ssl.create_default_context()


MAX_BYTES = 32 * 1024 * 1024
CONNECT_SECONDS = 10.0
BROKEN = (httpx2.HTTPError, httpx2.StreamError)
"""What a request raises whose connection cannot be made, breaks, or says what is no HTTP."""
LATE = (httpx2.TimeoutException,)
"""Those of them that only waited too long."""


_PACKED = (b"content-encoding", b"content-length")
"""Headers that say how a body was packed, and how large that is."""


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, unpacked, up to its limit."""

    def __init__(self, answer: httpx2.Response, left: int) -> None:
        self._answer, self._left = answer, left

    async def __aiter__(self) -> AsyncIterator[bytes]:
        limit = self._left
        async for chunk in self._answer.aiter_bytes():
            self._left -= len(chunk)
            if self._left < 0:
                raise outbound.OutboundFailed(f"The answer is larger than {size_bound(limit)}.")
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends each request to an address judged beforehand, as outbound.fetch does; redirects are the client's to refuse.

    `kind` is that of the operator's allow-list, `max_bytes` the most of one answer. A request raises
    outbound.OutboundRefused for an address that may not be called, outbound.OutboundFailed for an answer that is too
    large, and httpx2.TransportError for what else goes wrong.
    """

    def __init__(self, kind: str, max_bytes: int = MAX_BYTES) -> None:
        self._kind, self._max_bytes = kind, max_bytes
        self._pool = httpx2.AsyncHTTPTransport(verify=_trusted(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Connect to the judged address under the name that was asked for."""
        target = outbound.judge(self._kind, str(request.url))
        headers = request.headers.copy()
        headers["Host"] = target.netloc
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=target.address, port=target.port),
            headers=headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": target.host},
        )
        response = await self._pool.handle_async_request(pinned)
        outbound.check_headers(response.headers.raw)
        return httpx2.Response(
            response.status_code,
            headers=[pair for pair in response.headers.raw if pair[0].lower() not in _PACKED],
            stream=_Bounded(response, self._max_bytes),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the kept connections."""
        await self._pool.aclose()


def guarded_client(kind: str, silence_seconds: float) -> httpx2.AsyncClient:
    """A client that client libraries can be given; a peer that says nothing for so long has failed."""
    timeout = httpx2.Timeout(silence_seconds, connect=CONNECT_SECONDS)
    return httpx2.AsyncClient(transport=GuardedTransport(kind), timeout=timeout)


def network_words(failure: BaseException) -> str | None:
    """What went wrong on the way, for people; None if it is something else."""
    if isinstance(failure, outbound.OutboundRefused):
        return str(failure)
    if isinstance(failure, httpx2.HTTPStatusError):
        return f"The server answers {failure.response.status_code}."
    if isinstance(failure, httpx2.HTTPError):
        return f"The server did not answer: {way_words(failure)}."
    return None
