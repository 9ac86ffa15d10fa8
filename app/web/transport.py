"""One request of `outbound.py` over the network; the HTTP client is large and loaded with the first of them."""

import ssl
import time
from collections.abc import Iterator, Mapping

import httpx2

from app.web.filters import size_bound
from app.web.outbound import Answer, Call, OutboundFailed, Target, check_headers


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
        with httpx2.HTTPTransport(verify=ssl.create_default_context(), trust_env=False) as transport:
            response = transport.handle_request(request)
            body = b"".join(_bounded(response, deadline, call.max_bytes))
            response.close()
    except (httpx2.HTTPError, OSError) as error:
        raise OutboundFailed(f"{target.host} did not answer: {type(error).__name__}.") from error
    return Answer(response.status_code, response.headers, body, call.url)


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
