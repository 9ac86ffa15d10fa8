"""Sitemaps: the addresses that a site says it has (sitemaps.org, protocol 0.9)."""

import gzip
import io
import zlib

from lxml import etree

MOST_BYTES = 10 * 1024 * 1024
_GZIP = b"\x1f\x8b"


def read_sitemap(body: bytes, most: int) -> tuple[list[str], list[str]]:
    """Return the pages and the further sitemaps that a sitemap names, at most `most` of each; nothing if it is damaged.

    XML or plain text with an address on each line, both may be packed by gzip.
    """
    text = _unpacked(body)
    if text.lstrip()[:1] != b"<":
        lines = text.decode("utf-8", "replace").split()
        return [line for line in lines if line.startswith(("http://", "https://"))][:most], []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(text, parser)
    if root is None:
        return [], []
    found: dict[str, list[str]] = {"url": [], "sitemap": []}
    for place in root.iter("{*}loc"):
        kind = etree.QName(place.getparent()).localname if place.getparent() is not None else ""
        if kind in found and place.text and len(found[kind]) < most:
            found[kind].append(place.text.strip())
    return found["url"], found["sitemap"]


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            return packed.read(MOST_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""
