"""Ids in addresses."""

from flask import Flask
from werkzeug.routing import UUIDConverter


class CanonicalUuid(UUIDConverter):
    """A UUID in its one canonical spelling; any other spelling is another, unknown address."""

    regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def register(app: Flask) -> None:
    """Make `<uuid:...>` in routes mean the canonical spelling."""
    app.url_map.converters["uuid"] = CanonicalUuid
