"""Every command and group, one line each."""

from flask import Flask

from app.commands import accounts, database, importing, inspect, sample, tasks, work
from app.commands.scale.command import scale


def register(app: Flask) -> None:
    """Attach the commands."""
    app.cli.add_command(work.worker)
    app.cli.add_command(work.print_setup_link)
    app.cli.add_command(inspect.routes)
    app.cli.add_command(accounts.users)
    app.cli.add_command(accounts.orgs)
    app.cli.add_command(accounts.api_keys)
    app.cli.add_command(tasks.tasks)
    app.cli.add_command(tasks.schedules)
    sample.seed.add_command(scale)
    app.cli.add_command(sample.seed)
    app.cli.add_command(importing.threads)
    database.extend_migrations()
