"""Fetches the pages of a site: bounded, politely, and only what changed.

robots.txt is obeyed as RFC 9309 says: without one (4xx) everything may be fetched, with an unreachable one nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Literal
from urllib.parse import urljoin, urlsplit

from protego import Protego

from app.knowledge.crawler.links import plain_address, read_links
from app.knowledge.crawler.sitemap import read_sitemap
from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

AGENT = "AgentPress"
PAGE_SECONDS = 20
MOST_BYTES = 5 * 1024 * 1024
MOST_SITEMAPS = 10
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10
LONGEST_WAIT_SECONDS = 30
TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain", "text/markdown"})
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True)
class Bounds:
    """Links are followed `max_depth` steps from the root (0: the root alone), `max_pages` pages are fetched at most."""

    max_depth: int
    max_pages: int


@dataclass(frozen=True)
class Visit:
    """What became of one address.

    changed: `text` (HTML or plain text, as `media_type` says) and `etag` are new; unchanged: the server said so; gone:
    404 or 410, or the page does not want to be found; failed: `reason` is a sentence for people.
    """

    url: str
    status: Literal["changed", "unchanged", "gone", "failed"]
    text: str = ""
    media_type: str = ""
    etag: str | None = None
    reason: str = ""


class Site:
    """One crawl. `known` has the ETag of each page fetched before; `wait` sleeps, or ends the crawl by raising."""

    def __init__(
        self,
        root: str,
        bounds: Bounds,
        known: Mapping[str, str | None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root = plain_address(root) or root
        self._bounds = bounds
        self._known = known
        self._wait = wait
        self._seen: set[str] = set()
        self._waiting: deque[tuple[str, int]] = deque()
        self._robots: Protego | None = None

    def visits(self) -> Iterator[Visit]:
        """Fetch page after page, the root first; OutboundRefused or OutboundFailed if that cannot be asked."""
        self._robots = self._read_robots()
        self._offer(self._root, 0)
        for url in self._known:
            self._offer(url, 1)
        if self._bounds.max_depth:
            self._offer_sitemaps()
        visited = 0
        while self._waiting and visited < self._bounds.max_pages:
            url, depth = self._waiting.popleft()
            if visited:
                self._wait(self._pause())
            visited += 1
            yield self._visit(url, depth)

    def _offer(self, url: str, depth: int) -> None:
        """Queue an address that lies within the bounds, once."""
        address = plain_address(url)
        if address is None or address in self._seen or not (depth == 0 or self._inside(address)):
            return
        if depth <= max(self._bounds.max_depth, 1 if address in self._known else 0):
            self._seen.add(address)
            self._waiting.append((address, depth))

    def _inside(self, url: str) -> bool:
        """Whether an address belongs to the root's site, in the folder of the root or below."""
        root, parts = urlsplit(self._root), urlsplit(url)
        folder = root.path[: root.path.rfind("/") + 1]
        return (parts.scheme, parts.netloc) == (root.scheme, root.netloc) and parts.path.startswith(folder)

    def _visit(self, url: str, depth: int) -> Visit:
        if not self._permitted(url):
            return Visit(url, "gone", reason="robots.txt of the site forbids this page.")
        try:
            answer = self._ask(url, {"If-None-Match": etag} if (etag := self._known.get(url)) else {})
        except (OutboundRefused, OutboundFailed) as error:
            if depth == 0 and url not in self._known:
                raise
            return Visit(url, "failed", reason=str(error))
        return self._judge(url, answer, depth)

    def _judge(self, url: str, answer: Answer, depth: int) -> Visit:
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return Visit(url, "unchanged")
        if answer.status in _GONE:
            return Visit(url, "gone", reason=f"The server says {answer.status}: there is no such page.")
        if answer.status != HTTPStatus.OK:
            return Visit(url, "failed", reason=f"The server answered with status {answer.status}.")
        found = plain_address(answer.url) or url
        if found != url and not self._moved(found, depth):
            return Visit(
                url,
                "gone",
                reason=f"The page leads to {found}, which is fetched by itself or lies elsewhere.",
            )
        return self._read(url, answer, depth)

    def _moved(self, found: str, depth: int) -> bool:
        """Whether a redirect's target takes the place of its page: the root moves with it, others stay on the site."""
        if depth == 0:
            self._root = found
        elif found in self._seen or not self._inside(found):
            return False
        self._seen.add(found)
        return self._permitted(found)

    def _read(self, url: str, answer: Answer, depth: int) -> Visit:
        media_type, text = _decoded(answer)
        if media_type not in TYPES:
            return Visit(url, "failed", reason=f"The page is of the type {media_type}, which is not read.")
        if media_type not in {"text/plain", "text/markdown"}:
            links = read_links(text, answer.url)
            for address in links.addresses:
                self._offer(address, depth + 1)
            if not links.index:
                return Visit(url, "gone", reason="The page asks not to be found (noindex).")
        return Visit(url, "changed", text, media_type, answer.headers.get("etag"))

    def _read_robots(self) -> Protego:
        try:
            answer = self._ask(urljoin(self._root, "/robots.txt"), {})
        except OutboundFailed:
            return Protego.parse("User-agent: *\nDisallow: /")
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Protego.parse("")
        if answer.status != HTTPStatus.OK:
            return Protego.parse("User-agent: *\nDisallow: /")
        return Protego.parse(answer.body.decode("utf-8", "replace"))

    def _permitted(self, url: str) -> bool:
        return self._robots is None or bool(self._robots.can_fetch(url, AGENT))

    def _pause(self) -> float:
        delay = self._robots.crawl_delay(AGENT) if self._robots else None
        return min(max(delay or 0, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def _offer_sitemaps(self) -> None:
        """Queue what the sitemaps name; a damaged or missing one names nothing."""
        named = list(self._robots.sitemaps) if self._robots else []
        waiting = deque(named or [urljoin(self._root, "/sitemap.xml")])
        for _ in range(MOST_SITEMAPS):
            address = plain_address(waiting.popleft()) if waiting else None
            if address is None or urlsplit(address).netloc != urlsplit(self._root).netloc:
                continue
            try:
                answer = self._ask(address, {})
            except (OutboundRefused, OutboundFailed):
                continue
            if answer.status == HTTPStatus.OK:
                pages, further = read_sitemap(answer.body, self._bounds.max_pages)
                waiting.extend(further)
                for page in pages:
                    self._offer(page, 1)

    def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask once, and once more when the server says when."""
        call = Call("crawl", url, headers=headers, seconds=PAGE_SECONDS, max_bytes=MOST_BYTES)
        answer = fetch(call)
        after = answer.headers.get("retry-after", "")
        if answer.status in _LATER and after.isdecimal() and int(after) <= LONGEST_WAIT_SECONDS:
            self._wait(int(after))
            answer = fetch(call)
        return answer


def _decoded(answer: Answer) -> tuple[str, str]:
    """Media type and text; bytes that do not fit the declared encoding are replaced."""
    message = Message()
    message["content-type"] = answer.headers.get("content-type", "text/html")
    charset = message.get_content_charset("") or _declared(answer.body)
    try:
        return message.get_content_type(), answer.body.decode(charset, "replace")
    except LookupError:
        return message.get_content_type(), answer.body.decode("utf-8", "replace")


def _declared(body: bytes) -> str:
    """The encoding that HTML names in its first kilobyte, UTF-8 otherwise."""
    head = body[:1024].lower()
    _, found, rest = head.partition(b"charset=")
    name = rest.lstrip(b"\"' ").split(b'"')[0].split(b"'")[0].split(b">")[0].strip(b" /;")
    return name.decode("ascii", "ignore") if found and name else "utf-8"
