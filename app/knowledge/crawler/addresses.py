"""Addresses of the web in one spelling, by which a crawler knows that it has been at a page."""

from urllib.parse import quote, urldefrag, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=~"


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
