"""What runs beside the web server, and what starts the instance."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.orgs.services.setup import setup_link
from app.tasks.worker.process import Worker


@click.command()
@with_appcontext
def worker() -> None:
    """Deliver mail and clear away what has expired, until SIGTERM or Ctrl-C."""
    Worker(current_app._get_current_object()).run()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy


@click.command("setup-link")
@with_appcontext
def print_setup_link() -> None:
    """Print a new link that claims this instance; nothing once it is claimed."""
    link = setup_link()
    if link:
        click.echo(link)
