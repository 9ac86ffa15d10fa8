"""What a page of HTML says to a crawler: its links, and whether they may be followed and the page kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from lxml import etree

from app.knowledge.crawler.addresses import plain_address

_ROBOTS = frozenset({"robots", "agentpress"})
MOST_LINKS = 5_000


@dataclass
class PageLinks:
    """Absolute addresses in the order of the page, each once; `index` and `follow` are what its author permits."""

    addresses: list[str] = field(default_factory=list)
    index: bool = True
    follow: bool = True


def read_links(html: str, url: str) -> PageLinks:
    """Read the page at `url`; damaged HTML gives what can be read of it."""
    reader = _Reader(url)
    parser = etree.HTMLParser(target=reader, encoding="utf-8", no_network=True, huge_tree=True)
    parser.feed(html.replace("\0", "\ufffd").encode("utf-8", "replace") or b" ")
    parser.close()
    found = reader.found
    found.addresses = list(dict.fromkeys(found.addresses))[:MOST_LINKS] if found.follow else []
    return found


class _Reader:
    """What lxml tells of a page as it reads it."""

    def __init__(self, url: str) -> None:
        self.found = PageLinks()
        self._base = url

    def start(self, tag: str, attrs: Mapping[str, str]) -> None:
        """A tag with its attributes, both in lower case."""
        if tag == "base" and attrs.get("href"):
            self._base = self._joined(attrs["href"]) or self._base
        elif tag == "meta" and attrs.get("name", "").lower() in _ROBOTS:
            self._obey(attrs.get("content", ""))
        elif tag == "a" and attrs.get("href") and "nofollow" not in attrs.get("rel", "").lower().split():
            address = plain_address(self._joined(attrs["href"]))
            if address:
                self.found.addresses.append(address)

    def close(self) -> None:
        """The end of the page."""

    def _joined(self, reference: str) -> str:
        try:
            return urljoin(self._base, reference.strip())
        except ValueError:
            return ""

    def _obey(self, content: str) -> None:
        words = {word.strip() for word in content.lower().split(",")}
        self.found.index &= not words & {"noindex", "none"}
        self.found.follow &= not words & {"nofollow", "none"}
