"""The product with one more address, `/stream`: a line every 0.1 s for half a minute, as an answer that is written."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from wsgi import app as product

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LINES = 300


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Stream, or answer as the product does."""
    if environ["PATH_INFO"] != "/stream":
        return product(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return _lines()


def _lines() -> Iterator[bytes]:
    for number in range(LINES):
        yield f"data: {number}\n\n".encode()
        time.sleep(0.1)
