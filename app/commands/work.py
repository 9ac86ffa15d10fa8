"""What runs beside the web server, and what starts the instance."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.orgs.services.setup import setup_link
from app.tasks.worker.process import Worker


@click.command()
@click.option("--queues", default="", help="Names of queues, separated by commas; all of them by default.")
@click.option(
    "--concurrency", type=click.IntRange(1, 16), default=10, show_default=True, help="Tasks at the same time."
)
@with_appcontext
def worker(queues: str, concurrency: int) -> None:
    """Run tasks and schedules, deliver mail and clear away what has expired, until SIGTERM or Ctrl-C."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy
    Worker(app, [name for name in queues.replace(",", " ").split() if name], concurrency).run()


@click.command("setup-link")
@with_appcontext
def print_setup_link() -> None:
    """Print a new link that claims this instance; nothing once it is claimed."""
    link = setup_link()
    if link:
        click.echo(link)
