"""Every blueprint with its prefix, one line each."""

from flask import Flask

from app.web import gallery


def register(app: Flask) -> None:
    """Attach the blueprints."""
    if app.debug or app.testing:
        app.register_blueprint(gallery.bp)
