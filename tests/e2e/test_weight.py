"""What a page asks for and weighs on its first visit."""

import gzip

import pytest
from playwright.sync_api import Request

pytestmark = pytest.mark.e2e

REQUESTS = 8
SCRIPT_BYTES = 28_000
PAGE_BYTES = 75_000


def _sent(request: Request) -> int:
    """Return the bytes of the answer; pages are compressed by the proxy in front."""
    if request.resource_type == "document":
        return len(gzip.compress(request.response().body()))
    return request.sizes()["responseBodySize"]


@pytest.mark.parametrize(
    "path",
    [
        "agents?per=50",
        "agents/new",
        "agents/{agents}",
        "agents/{agents}/edit",
        "threads",
        "threads/{threads}",
    ],
)
def test_a_page_is_light(home, open_as, path):
    page = open_as(home.owner, "/healthz")
    asked = []
    page.on("requestfinished", lambda request: asked.append(request) if request.failure is None else None)
    page.goto(f"/o/{home.org.slug}/" + path.format(**{name: row.id for name, row in home.rows.items()}))
    page.wait_for_load_state("networkidle")
    sizes = {request.url: _sent(request) for request in asked}
    assert len(sizes) <= REQUESTS, sorted(sizes)
    assert sum(size for url, size in sizes.items() if url.endswith(".js")) <= SCRIPT_BYTES, sizes
    assert sum(sizes.values()) <= PAGE_BYTES, sizes
