"""One-time links: the first hop moves the token out of the address into a signed cookie."""

from flask import Response, redirect, session


def keep_token(purpose: str, token: str, clean_url: str) -> Response:
    """Remember the token of an opened link for `purpose` and lead to the page without it."""
    remember_token(purpose, token)
    return unreferred(redirect(clean_url, 302))  # type: ignore[arg-type]


def remember_token(purpose: str, token: str) -> None:
    """Keep a token in this browser's signed cookie."""
    session[_key(purpose)] = token[:200]


def kept_token(purpose: str) -> str | None:
    """The token of the newest link opened for `purpose` in this browser."""
    return session.get(_key(purpose))


def drop_token(purpose: str) -> None:
    """Forget it, once it is used."""
    session.pop(_key(purpose), None)


def unreferred(response: Response) -> Response:
    """Have the browser tell no other page where it came from."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _key(purpose: str) -> str:
    return f"{purpose}_token"
