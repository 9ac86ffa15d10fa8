"""Every command and group, one line each."""

from flask import Flask

from app.commands import database, inspect, work


def register(app: Flask) -> None:
    """Attach the commands."""
    app.cli.add_command(work.worker)
    app.cli.add_command(work.print_setup_link)
    app.cli.add_command(inspect.routes)
    database.extend_migrations()
