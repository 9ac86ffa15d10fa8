"""The worker's process, `python -m app.commands.worker`: what `flask worker` becomes, without the command line."""

import click

from app.tasks.worker.process import Worker
from wsgi import app


@click.command()
@click.option("--queues", default="")
@click.option("--concurrency", type=int, default=10)
def work(queues: str, concurrency: int) -> None:
    """Work until SIGTERM or Ctrl-C, with options that `flask worker` has checked."""
    with app.app_context():
        Worker(app, [name for name in queues.replace(",", " ").split() if name], concurrency).run()


if __name__ == "__main__":
    work()
