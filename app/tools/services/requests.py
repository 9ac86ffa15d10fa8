"""What an HTTP tool asks: address templates checked, and filled in so that an argument never leaves its place."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app.tools.parts import IN_QUERY, HttpConfig
from app.web.outbound import OutboundRefused, check

MOST_URL = 8_000
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_OURS = frozenset({
    "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host",
    "idempotency-key", "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers that the text of a tool may not set: its secret, its body and the connection do."""


class RequestRefused(Exception):
    """The request cannot be made; the message says why."""


@dataclass(frozen=True)
class Request:
    """A request as it is sent, but for the secret."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


def placeholders(url: str) -> list[str]:
    """The arguments that the address names, in order; none of one that cannot be read."""
    try:
        return _PLACEHOLDER.findall(urlsplit(url).path)
    except ValueError:
        return []


def checked_template(url: str) -> str:
    """The address template as it is stored. Raises OutboundRefused if it may not be called, or names odd arguments."""
    url = url.strip()
    check("tool", check_shape(url))
    return url


def check_shape(url: str) -> str:
    """The address of a template with words for its arguments. Raises OutboundRefused for one of a wrong shape."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise OutboundRefused("The address cannot be read.") from error
    if "#" in url:
        raise OutboundRefused("The address must have no #.")
    fixed = parts.scheme + parts.netloc + parts.query
    if "{" in fixed or "}" in fixed:
        raise OutboundRefused(
            "Arguments in braces belong into the path: scheme, host, port and query are fixed."
        )
    bare = _PLACEHOLDER.sub("x", parts.path)
    if "{" in bare or "}" in bare:
        raise OutboundRefused("Write arguments in the path as {name}, with letters, digits and underscores.")
    if any(segment in {".", ".."} for segment in bare.split("/")):
        raise OutboundRefused("The path must not hold . or .. as a segment.")
    names = placeholders(url)
    if len(set(names)) < len(names):
        raise OutboundRefused("Name each argument only once in the path.")
    return parts._replace(path=bare).geturl()


def bare_url(url: str) -> str:
    """An address template without its arguments, to compare places by."""
    return _PLACEHOLDER.sub("x", url)


def check_header(name: str, value: str) -> str | None:
    """Why a header cannot be sent; None if it can."""
    if not _NAME.fullmatch(name):
        return f"“{name[:40]}” is no name of a header."
    if not _VALUE.fullmatch(value):
        return f"The value of {name} must be printable ASCII on one line."
    return f"{name} is set by AgentPress; take it out." if name.lower() in _OURS else None


def made_request(config: HttpConfig, arguments: Mapping[str, Any], once: str | None = None) -> Request:
    """The request for arguments that fit the schema; `once` names a change that is to happen once.

    Raises RequestRefused for values that would leave their place.
    """
    parts, named = urlsplit(config.url), placeholders(config.url)
    path = _PLACEHOLDER.sub(lambda found: _segment(found[1], arguments), parts.path)
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise RequestRefused("The path would hold . or .. as a segment.")
    usual = "query" if config.method in IN_QUERY else "body"
    query, body = [], {}
    for name, value in arguments.items():
        if name in named:
            continue
        if config.places.get(name, usual) == "query" or config.method == "GET":
            query += _pairs(name, value)
        else:
            body[name] = value
    whole = "&".join(part for part in (parts.query, urlencode(query)) if part)
    url = parts._replace(path=path, query=whole).geturl()
    if len(url) > MOST_URL:
        raise RequestRefused(f"The address would be longer than {MOST_URL:,} characters.")
    headers = {"Accept": "application/json, text/*;q=0.9", **config.headers}
    if once and config.method != "GET":
        headers["Idempotency-Key"] = once
    sends = usual == "body" or bool(body)
    return Request(config.method, url, headers, _json(body).encode() if sends else None)


def _segment(name: str, arguments: Mapping[str, Any]) -> str:
    value = arguments.get(name)
    if value is None or isinstance(value, dict | list):
        raise RequestRefused(f"{name} is part of the path and must be a text or a number.")
    text = _text(value)
    if not text:
        raise RequestRefused(f"{name} is part of the path and must not be empty.")
    if any(char < " " or char == "\x7f" for char in text):
        raise RequestRefused(f"{name} is part of the path and must hold no control characters.")
    if any(step in {".", ".."} for step in re.split(r"[/\\]", text)):
        raise RequestRefused(f"{name} is part of the path and must not hold . or .. as a step.")
    return quote(text, safe="")


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, list):
        return [pair for part in value for pair in _pairs(name, part)]
    return [(name, _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return _json(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise RequestRefused(
            "The arguments hold a number that JSON has not, or are nested too deeply."
        ) from error
