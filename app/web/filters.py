"""The Jinja environment."""

from flask import Flask
from jinja2 import StrictUndefined


def register(app: Flask) -> None:
    """Make an unknown name an error, and blocks leave no blank lines."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
