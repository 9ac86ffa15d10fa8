"""Fetches the pages of a site: bounded, politely, and only what changed.

robots.txt is obeyed as RFC 9309 says: without one (4xx) everything may be fetched, with an unreachable one nothing.
"""

import codecs
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Literal
from urllib.parse import urljoin, urlsplit

from protego import Protego

from app.knowledge.crawler.addresses import plain_address
from app.knowledge.crawler.links import read_links
from app.knowledge.crawler.sitemap import read_sitemap
from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

AGENT = "AgentPress"
PAGE_SECONDS = 20
MOST_BYTES = 5 * 1024 * 1024
MOST_SITEMAPS = 10
MOST_ADDRESS_BYTES = 2_000
MOST_MARK_LENGTH = 1_000
"""Of an ETag or a date that is sent back with the next question."""
MOST_SILENCE = 5
"""Pages in a row without any answer, after which the server is taken for away."""
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10
LONGEST_WAIT_SECONDS = 30
TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain", "text/markdown"})
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_PYTHON_ONLY = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
"""Names that no browser takes for an encoding: some fail on any text, some take hours for a long one."""
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True)
class Bounds:
    """Links are followed `max_depth` steps from the root (0: the root alone), `max_pages` pages are fetched at most.

    With `sitemap` the root is a sitemap: the pages it names are fetched, and no links are followed.
    """

    max_depth: int
    max_pages: int
    sitemap: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of a page that was fetched before; `done` if that was in the course of this crawl."""

    etag: str | None = None
    last_modified: str | None = None
    links: Sequence[str] = ()
    location: str | None = None
    done: bool = False


Became = Literal["changed", "unchanged", "done", "gone", "failed", "unread"]


@dataclass(frozen=True)
class Visit:
    """What became of one address.

    changed: `text` (HTML or plain text, as `media_type` says) or, of what is neither, `body`, its marks and `links` are
    new; unchanged: the server said so; done: it was fetched before in the course of this crawl; gone: 404 or 410, or
    there is nothing that may be found; failed: what was fetched before may still be so; unread: it is of a kind that
    cannot be read. `reason` is a sentence for people; `location` is where a redirect led.
    """

    url: str
    status: Became
    text: str = ""
    body: bytes = b""
    media_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    links: Sequence[str] = ()
    location: str | None = None
    reason: str = ""


_NOTHING = Known()


class Site:
    """One crawl. `wait` sleeps, or ends the crawl by raising.

    `known` says what is known of a page, None if it was never fetched before.
    `complete` says whether every page that links and sitemaps lead to was visited, as far as the bounds permit;
    `total` how many pages there are to visit, as far as that is known.
    """

    def __init__(
        self,
        root: str,
        bounds: Bounds,
        known: Callable[[str], Known | None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.complete = True
        self._root = plain_address(root) or root
        self._bounds = bounds
        self._known = known
        self._wait = wait
        self._seen: set[str] = set()
        self._waiting: deque[tuple[str, int]] = deque()
        self._robots: Protego | None = None
        self._visited = self._silence = 0

    @property
    def total(self) -> int:
        """Pages visited and waiting."""
        return min(self._bounds.max_pages, self._visited + len(self._waiting))

    def visits(self) -> Iterator[Visit]:
        """Visit page after page, the root first; OutboundRefused or OutboundFailed if that cannot be read now."""
        self._robots = self._read_robots()
        if self._bounds.sitemap:
            self._offer_named()
        else:
            self._queue(self._root, 0)
        asked = False
        while self._waiting and self._visited < self._bounds.max_pages:
            url, depth = self._waiting.popleft()
            self._visited += 1
            known = self._known(url) or _NOTHING
            if known.done and depth:
                self._follow(known, depth)
                yield Visit(url, "done")
                continue
            if asked:
                self._wait(self._pause())
            asked = True
            visit = self._visit(url, depth, known)
            if depth == 0 and self._bounds.max_depth:
                self._offer_sitemaps()
            yield visit

    def _offer(self, url: str, depth: int) -> None:
        """Queue an address that lies within the bounds, once."""
        address = plain_address(url)
        if address is not None and depth <= self._bounds.max_depth and self._inside(address):
            self._queue(address, depth)

    def _queue(self, address: str, depth: int) -> None:
        """Have an address visited unless its turn would never come."""
        full = self._visited + len(self._waiting) >= self._bounds.max_pages
        if full or len(address.encode("utf-8", "replace")) > MOST_ADDRESS_BYTES:
            return
        if address not in self._seen:
            self._seen.add(address)
            self._waiting.append((address, depth))

    def _follow(self, known: Known, depth: int) -> None:
        """Queue what a page linked to when it was last read."""
        if known.location:
            self._seen.add(known.location)
        for address in known.links:
            self._offer(address, depth + 1)

    def _inside(self, url: str) -> bool:
        """Whether an address belongs to the root's site, in the folder of the root or below."""
        root, parts = urlsplit(self._root), urlsplit(url)
        folder = root.path[: root.path.rfind("/") + 1]
        return (parts.scheme, parts.netloc) == (root.scheme, root.netloc) and parts.path.startswith(folder)

    def _visit(self, url: str, depth: int, known: Known) -> Visit:
        if not self._permitted(url):
            return Visit(url, "gone", reason="robots.txt of the site forbids this page.")
        try:
            answer = self._ask(url, _conditions(known))
        except (OutboundRefused, OutboundFailed) as error:
            self._silence += isinstance(error, OutboundFailed)
            if depth == 0 or self._silence >= MOST_SILENCE:
                raise
            return self._failed(url, depth, known, str(error))
        self._silence = 0
        return self._judge(url, answer, depth, known)

    def _failed(self, url: str, depth: int, known: Known, reason: str) -> Visit:
        """A page that cannot be read now; what it linked to is visited all the same."""
        self._follow(known, depth)
        return Visit(url, "failed", reason=reason)

    def _judge(self, url: str, answer: Answer, depth: int, known: Known) -> Visit:
        if answer.status in _GONE:
            return Visit(url, "gone", reason=f"The server says {answer.status}: there is no such page.")
        if answer.status not in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
            reason = f"The server answered with status {answer.status}."
            if depth == 0:
                raise OutboundFailed(reason)
            return self._failed(url, depth, known, reason)
        found = plain_address(answer.url) or url
        if found != url and not self._moved(found, depth):
            reason = f"The page leads to {found}, which is fetched by itself or lies elsewhere."
            return Visit(url, "gone", reason=reason)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            self._follow(known, depth)
            return Visit(url, "unchanged")
        return self._read(url, answer, depth, found if found != url else None)

    def _moved(self, found: str, depth: int) -> bool:
        """Whether a redirect's target takes the place of its page: the root moves with it, others stay on the site."""
        if depth == 0:
            before, self._root = urlsplit(self._root), found
            if before.netloc != urlsplit(found).netloc:
                self._robots = self._read_robots()
        elif found in self._seen or not self._inside(found):
            return False
        self._seen.add(found)
        return self._permitted(found)

    def _read(self, url: str, answer: Answer, depth: int, location: str | None) -> Visit:
        media_type, text = _decoded(answer)
        etag, modified = _mark(answer, "etag"), _mark(answer, "last-modified")
        inside: list[str] = []
        if media_type not in TYPES:
            return Visit(url, "changed", "", answer.body, media_type, etag, modified, inside, location)
        if media_type not in {"text/plain", "text/markdown"}:
            links = read_links(text, answer.url)
            inside = [address for address in links.addresses if self._inside(address)]
            for address in inside:
                self._offer(address, depth + 1)
            if not links.index:
                return Visit(url, "gone", reason="The page asks not to be found (noindex).")
        return Visit(url, "changed", text, b"", media_type, etag, modified, inside, location)

    def _read_robots(self) -> Protego:
        """What may be fetched. Raises OutboundFailed if that cannot be known now."""
        answer = self._ask(urljoin(self._root, "/robots.txt"), {})
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Protego.parse("")
        if answer.status != HTTPStatus.OK:
            raise OutboundFailed(
                f"robots.txt, which says what may be fetched, answered with status {answer.status}."
            )
        return Protego.parse(answer.body.decode("utf-8", "replace"))

    def _permitted(self, url: str) -> bool:
        return self._robots is None or bool(self._robots.can_fetch(url, AGENT))

    def _pause(self) -> float:
        delay = self._robots.crawl_delay(AGENT) if self._robots else None
        return min(max(delay or 0, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def _offer_sitemaps(self) -> None:
        """Queue what the sitemaps of a site name; a damaged or missing one names nothing."""
        named = list(self._robots.sitemaps) if self._robots else []
        for page in self._pages_of(named or [urljoin(self._root, "/sitemap.xml")]):
            self._offer(page, 1)

    def _offer_named(self) -> None:
        """Queue what the root names, being a sitemap. Raises OutboundFailed if it names nothing."""
        for page in self._pages_of([self._root]):
            address = plain_address(page)
            if address is not None and self._inside(address):
                self._queue(address, 1)
        if not self._waiting:
            raise OutboundFailed("The sitemap cannot be read, or names no page in its folder.")

    def _pages_of(self, sitemaps: Sequence[str]) -> Iterator[str]:
        """The pages that sitemaps and those they name have; what cannot be asked now leaves the crawl incomplete."""
        waiting = deque(sitemaps)
        for _ in range(MOST_SITEMAPS):
            address = plain_address(waiting.popleft()) if waiting else None
            if address is None or urlsplit(address).netloc != urlsplit(self._root).netloc:
                continue
            try:
                answer = self._ask(address, {})
            except OutboundRefused:
                continue
            except OutboundFailed:
                self.complete = False
                continue
            if answer.status in _LATER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self.complete = False
            if answer.status == HTTPStatus.OK:
                pages, further = read_sitemap(answer.body, self._bounds.max_pages)
                waiting.extend(further)
                yield from pages

    def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask once, and once more when the server says when."""
        call = Call("crawl", url, headers=headers, seconds=PAGE_SECONDS, max_bytes=MOST_BYTES)
        answer = fetch(call)
        after = answer.headers.get("retry-after", "")
        known = after.isascii() and after.isdigit()
        if answer.status in _LATER and known and float(after) <= LONGEST_WAIT_SECONDS:
            self._wait(int(after))
            answer = fetch(call)
        return answer


def _conditions(known: Known) -> dict[str, str]:
    """The headers by which a server says that nothing changed."""
    given = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in given.items() if value}


def _mark(answer: Answer, name: str) -> str | None:
    value = answer.headers.get(name) or None
    return value if value and value.isascii() and len(value) <= MOST_MARK_LENGTH else None


def _decoded(answer: Answer) -> tuple[str, str]:
    """Media type and text; bytes that do not fit the declared encoding are replaced."""
    message = Message()
    message["content-type"] = answer.headers.get("content-type", "text/html")
    charset = message.get_content_charset("") or _declared(answer.body)
    try:
        known = codecs.lookup(charset).name not in _PYTHON_ONLY
        return message.get_content_type(), answer.body.decode(charset if known else "utf-8", "replace")
    except (LookupError, ValueError):
        return message.get_content_type(), answer.body.decode("utf-8", "replace")


def _declared(body: bytes) -> str:
    """The encoding that HTML names in its first kilobyte, UTF-8 otherwise."""
    head = body[:1024].lower()
    _, found, rest = head.partition(b"charset=")
    name = rest.lstrip(b"\"' ").split(b'"')[0].split(b"'")[0].split(b">")[0].strip(b" /;")
    return name.decode("ascii", "ignore") if found and name else "utf-8"
