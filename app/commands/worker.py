"""The worker's process, `python -m app.commands.worker`: `flask worker` without the command line and the pages."""

import click

from app import start_app
from app.tasks.worker.process import Worker


@click.command()
@click.option("--queues", default="")
@click.option("--concurrency", type=int, default=10)
@click.option("--answers", type=int, default=10)
def work(queues: str, concurrency: int, answers: int) -> None:
    """Work until SIGTERM or Ctrl-C, with options that `flask worker` has checked."""
    app = start_app(pages=False)
    with app.app_context():
        names = [name for name in queues.replace(",", " ").split() if name]
        Worker(app, names, concurrency, answers).run()


if __name__ == "__main__":
    work()
