"""The command line: `flask --app wsgi noun verb`."""

from flask import Flask


def register(app: Flask) -> None:
    """Attach the commands."""
