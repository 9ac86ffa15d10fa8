"""CSRF tokens, request origin, security headers, and the return address that cannot leave the site.

A token is an HMAC over the secret of the visitor's session, so it is the same in every page of a session and lives
as long as the session does: the secret is the part of its cookie before the dot, which stays when the rest is renewed.
Flask-WTF's own token changes with each rendering and outlives a sign-in.
"""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, request, session
from werkzeug.exceptions import HTTPException

from app.config import Settings

FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRFToken"
VISIT = "visit"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
)


# Pages with a form whose answer leads to an identity provider.
TO_PROVIDERS = frozenset({"auth.sign_in", "confirm.new", "identities.index"})


class CsrfRefused(Exception):
    """An unsafe request without the session's token, or from another origin."""


def settings() -> Settings:
    """The running application's configuration."""
    found = current_app.extensions["settings"]
    assert isinstance(found, Settings)
    return found


def session_cookie_name() -> str:
    """`__Host-session` under HTTPS; browsers refuse that prefix on a plain-http public address."""
    return "__Host-session" if settings().secure else "session"


def session_token() -> str | None:
    """The sign-in token the browser sent, unverified."""
    return request.cookies.get(session_cookie_name())


def csrf_token() -> str:
    """The token of this visitor's session; a visitor without one gets a signed cookie to tie it to.

    A page has one in each of its forms: what was made first serves the request to its end.
    """
    environ = request.environ
    if CSRF_FIELD not in environ:
        environ[CSRF_FIELD] = _csrf_token(current_app.secret_key, _csrf_secret(create=True))
    token: str = environ[CSRF_FIELD]
    return token


def check_csrf() -> None:
    """Raise CsrfRefused unless the unsafe request comes from our own page with the session's token.

    Over plain http only a loopback address is told `Sec-Fetch-Site`; the page then is that of any host served here.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        raise CsrfRefused
    own = {settings().base_url, request.host_url.rstrip("/")}
    if site is None and request.headers.get("Origin") not in {None, "null", *own}:
        raise CsrfRefused
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    secret = _csrf_secret(create=False)
    keys = [current_app.secret_key, *settings().secret_key_fallbacks]
    if not secret or not any(tokens_match(given, _csrf_token(key, secret)) for key in keys):
        raise CsrfRefused


def _csrf_secret(*, create: bool) -> str:
    token = session_token()
    if token:
        return f"session {_lasting(token)}"
    if create and VISIT not in session:
        session[VISIT] = secrets.token_urlsafe(24)
    visit = session.get(VISIT)
    return f"visit {visit}" if visit else ""


def _csrf_token(key: str | bytes | None, secret: str) -> str:
    assert isinstance(key, str)
    return hmac.digest(f"csrf {key}".encode(), secret.encode(), "sha256").hex()


def tokens_match(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing about them."""
    return hmac.compare_digest(given.encode(), expected.encode())


def new_token() -> tuple[str, bytes]:
    """A secret of 32 random bytes for a cookie or link, and the SHA-256 that the database keeps of it."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def renewed_token() -> tuple[str, bytes]:
    """What `new_token` gives, for the session of this request to go on under: its open forms still belong to it."""
    token = f"{_lasting(session_token() or '')}.{secrets.token_urlsafe(32)}"
    return token, hash_token(token)


def _lasting(token: str) -> str:
    return token.partition(".")[0]


def hash_token(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def safe_next(path: str | None, default: str = "/") -> str:
    """`path` if it is a path on this site, else `default`."""
    if (
        not path
        or not path.startswith("/")
        or path.startswith("//")
        or "\\" in path
        or not path.isprintable()
    ):
        return default
    try:
        parts = urlsplit(path)
    except ValueError:
        return default
    return path if not parts.scheme and not parts.netloc else default


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page_before() -> str | None:
    """The page of this site that the request came from, with its query; None if it came from none, or says nothing.

    None, too, for what only a form leads to, such as the answer to a form with errors: it cannot be opened again.
    """
    pages = current_app.create_url_adapter(request)
    assert pages is not None
    try:
        came = urlsplit(request.referrer or "")
        pages.match(came.path, method="GET")
    except (ValueError, HTTPException):
        return None
    return f"{came.path}?{came.query}".rstrip("?") if came.netloc == request.host else None


def source_address(req: Request) -> str:
    """The client's address as the trusted proxies report it."""
    return req.remote_addr or "unknown"


def add_headers(response: Response) -> Response:
    """Security headers on every answer, errors and static files included."""
    config = settings()
    providers = [
        origin(client.base_url)
        for client in (config.github, config.google)
        if client and request.endpoint in TO_PROVIDERS
    ]
    response.headers.setdefault(
        "Content-Security-Policy", POLICY.format(form_action=" ".join(["'self'", *providers]))
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if config.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def register(app: Flask) -> None:
    """Add the headers to every answer and the token to templates."""
    app.after_request(add_headers)
    app.jinja_env.globals["csrf_token"] = csrf_token
