"""The request's id, on every answer and in every log line."""

from flask import Flask, Response, g
from uuid_utils.compat import uuid7


def _begin() -> None:
    g.request_id = uuid7().hex


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response


def register(app: Flask) -> None:
    """Give each request an id before anything else runs."""
    app.before_request(_begin)
    app.after_request(_finish)
