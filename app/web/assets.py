"""Static files."""

from flask import Flask, Response, send_from_directory

from app.web.access import always


@always
def static(path: str) -> Response:
    """A file of `static/`."""
    return send_from_directory("../static", path)


def register(app: Flask) -> None:
    """Serve `static/`."""
    app.add_url_rule("/static/<path:path>", "static", static)
