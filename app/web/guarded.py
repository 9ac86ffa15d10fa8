"""The guard of outbound.py for client libraries that bring their own requests: a transport for their httpx2 client."""

import ssl
from functools import cache

import httpx2

from app.web import outbound


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates of the system, read once."""
    return ssl.create_default_context()


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends each request to an address judged beforehand, as outbound.fetch does; redirects are the client's to refuse.

    `kind` is that of the operator's allow-list. A request raises outbound.OutboundRefused for an address that may not
    be called, and httpx2.TransportError for what goes wrong after that.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
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
        return await self._pool.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close the kept connections."""
        await self._pool.aclose()
