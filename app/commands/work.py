"""What runs beside the web server, and what starts the instance."""

import os
import sys

import click
from flask.cli import with_appcontext

from app.commands.running import operating
from app.config import server_environment
from app.db.work import ANSWERS
from app.orgs.services.setup import setup_link

QUEUES = ("default", ANSWERS)


def _known(_context: click.Context, _parameter: click.Parameter, queues: str) -> str:
    for name in queues.replace(",", " ").split():
        if name not in QUEUES:
            raise click.BadParameter(f"there is no queue {name!r}; use {' or '.join(QUEUES)}.")
    return queues


@click.command()
@click.option(
    "--queues",
    default="",
    callback=_known,
    help=f"{' or '.join(QUEUES)}, or both, separated by a comma; both by default.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 16), default=10, show_default=True, help="Tasks at the same time."
)
@click.option(
    "--answers",
    type=click.IntRange(1, 16),
    default=10,
    show_default=True,
    help="Answers of agents beside them.",
)
def worker(queues: str, concurrency: int, answers: int) -> None:
    """Run tasks and schedules, deliver mail and clear away what has expired, until SIGTERM or Ctrl-C."""
    # The process goes on as a smaller program: what the command line has loaded would stay as long as it works.
    options = ["--queues", queues, "--concurrency", str(concurrency), "--answers", str(answers)]
    os.execve(sys.executable, [sys.executable, "-m", "app.commands.worker", *options], server_environment())  # noqa: S606 - our own interpreter


@click.command("setup-link")
@with_appcontext
def print_setup_link() -> None:
    """Print a new link that claims this instance; nothing once it is claimed."""
    with operating():
        link = setup_link()
    if link:
        click.echo(link)
