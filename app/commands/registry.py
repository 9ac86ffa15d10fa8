"""Every command and group, one line each.

Only the command line loads them: they bring packages that the web server and the worker have no use for.
"""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from app.commands import (
    accounts,
    agents,
    credentials,
    database,
    importing,
    inspect,
    knowledge,
    sample,
    tasks,
    work,
)
from app.commands.scale.command import scale
from app.db.base import db

_MIGRATIONS = Path(__file__).parents[2] / "migrations"


def register(app: Flask) -> None:
    """Attach the commands, and Flask-Migrate behind its own."""
    Migrate(app, db, directory=str(_MIGRATIONS))
    app.cli.add_command(work.worker)
    app.cli.add_command(work.print_setup_link)
    app.cli.add_command(inspect.routes)
    app.cli.add_command(accounts.users)
    app.cli.add_command(accounts.orgs)
    app.cli.add_command(accounts.api_keys)
    app.cli.add_command(credentials.credentials)
    app.cli.add_command(tasks.tasks)
    app.cli.add_command(tasks.schedules)
    sample.seed.add_command(scale)
    app.cli.add_command(sample.seed)
    app.cli.add_command(importing.threads)
    app.cli.add_command(knowledge.knowledge)
    app.cli.add_command(agents.agents)
    database.extend_migrations()
