"""Every blueprint with its prefix, one line each."""

from flask import Flask


def register(app: Flask) -> None:
    """Attach the blueprints."""
