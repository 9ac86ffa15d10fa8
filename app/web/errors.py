"""One shared answer for each kind of failure, as page, fragment or JSON; never a stack, never a 500 for bad input."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, make_response, render_template, request
from psycopg.errors import ForeignKeyViolation
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from app.db.session import TooSlow
from app.web.render import (
    Shell,
    bare_shell,
    is_api,
    is_htmx,
    notice,
    shell,
    speaks_openai,
    to_sign_in,
    wants_fragment,
    wants_json,
)
from app.web.security import SAFE_METHODS, CsrfRefused, page_before

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
PROBLEM_TYPE = "application/problem+json"
_TITLES = {
    400: "This request could not be read",
    401: "You are not signed in",
    403: "This is not allowed",
    404: "Page not found",
    405: "This page does not accept that kind of request",
    409: "This could not be done",
    410: "This link no longer works",
    412: "It was changed in the meantime",
    413: "That is too large",
    415: "This kind of content is not accepted here",
    422: "Some values need another look",
    424: "The model gave no answer",
    429: "Too many attempts",
    500: "Something went wrong on our side",
    503: "Temporarily unavailable",
    507: "There is no room left",
}
"""Headings of pages."""
_SENT_AGAIN = {400, 409, 413, 415, 422, 424, 429, 503, 507}
"""After which a form may well be sent again."""
_DETAILS = {405: "This address does not take that method; `Allow` names those that it takes."}
"""What programs are told where the heading of a page would not fit."""

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    424: "model_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


@dataclass(frozen=True)
class FieldError:
    """A value that is wrong: where it stands (`parts.0.text`) and what is wrong with it."""

    field: str
    message: str


class Refusal(Exception):
    """A refused request: status, a sentence for the person, and optionally when to try again (seconds).

    Programs are also told the `errors` of single values and what else `more` holds.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        retry_after: int | None = None,
        errors: Sequence[FieldError] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.errors = errors
        self.more = more or {}


class NotFound(Refusal):
    """Unknown, or in another organisation: one answer for both."""

    def __init__(self) -> None:
        super().__init__(404, "It does not exist, or you have no access to it.")


class LinkGone(Refusal):
    """A one-time link that is used, expired, revoked or unknown: one answer for all four."""

    def __init__(self) -> None:
        super().__init__(410, "The link was used, has expired or was withdrawn. Ask for a new one.")


def failure(
    status: int, message: str = "", retry_after: int | None = None, more: Mapping[str, Any] | None = None
) -> Response:
    """The answer for `status` in the form the client asked for: page, notice, or problem (RFC 9457) with `more`."""
    title = _TITLES.get(status, _TITLES[500])
    if is_htmx() and wants_fragment() and not is_api():
        response = notice(message or title, status)
    elif speaks_openai():
        response = make_response(openai_error(status, message or _detail(status), more), status)
    elif wants_json():
        response = make_response(_problem(status, message or _detail(status)) | dict(more or {}), status)
        response.mimetype = PROBLEM_TYPE
    else:
        page = render_template(
            "errors/error.html",
            shell=_frame(status),
            status=status,
            heading=title,
            message=message,
            back=page_before() if status in _SENT_AGAIN and request.method not in SAFE_METHODS else None,
            request_id=g.get("request_id"),
        )
        response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if (more or {}).get("code"):
        response.headers["X-Should-Retry"] = "false"  # else OpenAI's clients ask twice more by themselves
    return response


def _detail(status: int) -> str:
    return _DETAILS.get(status) or f"{_TITLES.get(status, _TITLES[500])}."


def _problem(status: int, message: str) -> dict[str, Any]:
    """A problem without a type of its own, whose title is then the phrase of its status (RFC 9457, 4.2.1)."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "request_id": g.get("request_id"),
    }


def openai_error(status: int, message: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An error as OpenAI's API has them, with the code that `more` holds and the first of its wrong values.

    https://platform.openai.com/docs/guides/error-codes
    """
    code, errors = (more or {}).get("code"), (more or {}).get("errors")
    wrong = errors[0] if errors else None
    if wrong and wrong["message"] not in message:
        message = f"{message} {wrong['field']}: {wrong['message']}"
    return {
        "error": {
            "message": message,
            "type": code or _KINDS.get(status, "invalid_request_error"),
            "param": wrong and wrong["field"],
            "code": code,
        }
    }


def not_signed_in(url: str) -> Response:
    """The answer to a request that needs a session: people sign in at `url`, a program is told that it must."""
    if not wants_json():
        return to_sign_in(url)
    response = failure(401, "Sign in first.")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _frame(status: int) -> Shell:
    """The visitor's frame; a bare one where it cannot be known or would need what has just failed."""
    if status >= 500:
        return bare_shell()
    try:
        return shell()
    except DATABASE_AWAY:
        return bare_shell()


def no_key(message: str) -> Response:
    """The answer to a program that showed no key that works."""
    response = failure(401, message)
    response.headers["WWW-Authenticate"] = 'Bearer realm="AgentPress"'
    return response


def refused(error: Refusal) -> Response:
    """The answer to a refused request."""
    errors = [{"field": wrong.field, "message": wrong.message} for wrong in error.errors]
    more = {**error.more, **({"errors": errors} if errors else {})}
    return failure(error.status, error.message, error.retry_after, more)


def _csrf_refused(_error: CsrfRefused) -> Response:
    return failure(
        400,
        "The page was open for too long, you signed in anew since, or it came from elsewhere. Nothing was saved; reload"
        " the page and send it again.",
    )


def _http(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):
        return Response("This host name is not served here.\n", 400, mimetype="text/plain")
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        current_app.logger.error("unhandled", exc_info=error.original_exception)
    if error.code in {301, 302, 303, 307, 308} and error.response is not None:
        return current_app.make_response(error.get_response())
    if error.code == 404:
        return refused(NotFound())
    response = failure(error.code or 500)
    if error.code == 405:
        response.headers["Allow"] = dict(error.get_headers()).get("Allow", "GET")
    return response


def _database_away(error: Exception) -> Response:
    current_app.logger.error("database unavailable: %s", type(getattr(error, "orig", error)).__name__)
    return failure(
        503, "The database does not answer. Nothing was changed; try again in a moment.", retry_after=5
    )


def _too_slow(_error: TooSlow) -> Response:
    return failure(503, "This took longer than 30 seconds. Narrow the dates or the filters.", retry_after=30)


def _database_refused(_error: DataError) -> Response:
    return failure(
        422, "A value cannot be stored: it is out of range or holds characters that are not allowed."
    )


def _came_between(error: IntegrityError) -> Response:
    """Something was deleted as the request added to it, or the other way round; other broken rules are our failure."""
    if not isinstance(error.orig, ForeignKeyViolation):
        raise error
    current_app.logger.warning("added to while deleted: %s", error.orig.diag.constraint_name)
    return failure(
        409,
        "Something that this belongs to, or that belongs to it, has just changed. Nothing was done; look again.",
    )


def _system_refused(error: OSError) -> Response:
    """A full disk, where files are put while they arrive; any other trouble of the system is a failure of ours."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        raise error
    return failure(507, "The server has no room for this file. Nothing was changed.")


def register(app: Flask) -> None:
    """Install the handlers."""
    app.register_error_handler(OSError, _system_refused)
    app.register_error_handler(IntegrityError, _came_between)
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(CsrfRefused, _csrf_refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DataError, _database_refused)
    app.register_error_handler(TooSlow, _too_slow)
    for away in DATABASE_AWAY:
        app.register_error_handler(away, _database_away)
