"""What a page of HTML says to a crawler: its links, and whether they may be followed and the page kept."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urldefrag, urljoin, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=~"
_ROBOTS = frozenset({"robots", "agentpress"})
MOST_LINKS = 5_000


@dataclass
class PageLinks:
    """Absolute addresses in the order of the page, each once; `index` and `follow` are what its author permits."""

    addresses: list[str] = field(default_factory=list)
    index: bool = True
    follow: bool = True


def plain_address(url: str) -> str | None:
    """The address without fragment, in one spelling (RFC 3986, section 6.2.2); None unless it is http or https."""
    try:
        parts = urlsplit(urldefrag(url).url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host or parts.username or parts.password:
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    path = quote(parts.path or "/", safe=_KEPT, errors="replace")
    query = quote(parts.query, safe=f"{_KEPT}?", errors="replace")
    return urlunsplit((parts.scheme, netloc, path, query, ""))


def read_links(html: str, url: str) -> PageLinks:
    """Read the page at `url`; damaged HTML gives what can be read of it."""
    parser = _Parser(url)
    parser.feed(html)
    parser.close()
    found = parser.found
    found.addresses = list(dict.fromkeys(found.addresses))[:MOST_LINKS] if found.follow else []
    return found


class _Parser(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = PageLinks()
        self._base = url

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and given.get("href"):
            self._base = self._joined(given["href"]) or self._base
        elif tag == "meta" and given.get("name", "").lower() in _ROBOTS:
            self._obey(given.get("content", ""))
        elif tag == "a" and given.get("href") and "nofollow" not in given.get("rel", "").lower().split():
            address = plain_address(self._joined(given["href"]))
            if address:
                self.found.addresses.append(address)

    def _joined(self, reference: str) -> str:
        try:
            return urljoin(self._base, reference.strip())
        except ValueError:
            return ""

    def _obey(self, content: str) -> None:
        words = {word.strip() for word in content.lower().split(",")}
        self.found.index &= not words & {"noindex", "none"}
        self.found.follow &= not words & {"nofollow", "none"}
