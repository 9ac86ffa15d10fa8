"""The processes beside the web server."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.tasks.worker import Worker


@click.command()
@with_appcontext
def worker() -> None:
    """Deliver mail and clear away what has expired, until SIGTERM or Ctrl-C."""
    Worker(current_app._get_current_object()).run()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy
