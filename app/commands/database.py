"""`flask db push` and `flask db studio`, beside Flask-Migrate's own commands."""

import click
import flask_migrate
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.ops import CreateTableOp, MigrateOperation, OpContainer
from flask.cli import with_appcontext
from flask_migrate import cli
from sqlalchemy import Connection, text

from app.db.base import Base, db
from app.studio.views import PATH
from app.web.security import settings
from migrations import rls


@click.command()
@with_appcontext
def push() -> None:
    """Make the schema match the models without a revision; for development only."""
    if not settings().debug:
        raise click.UsageError("`db push` is for development: set FLASK_DEBUG=1, or write a migration.")
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        changes = _apply_differences(connection)
    click.echo(f"{changes} change{'' if changes == 1 else 's'} made." if changes else "Nothing to change.")


@click.command()
@with_appcontext
def studio() -> None:
    """Say where platform admins look through the tables."""
    click.echo(f"{settings().base_url}{PATH}")


def _apply_differences(connection: Connection) -> int:
    connection.execute(text("SET LOCAL row_security = off"))
    options = {"compare_type": True, "include_object": _is_ours}
    context = MigrationContext.configure(connection, opts=options)
    waiting: list[MigrateOperation] = [
        produce_migrations(context, Base.metadata).upgrade_ops or OpContainer()
    ]
    changes = 0
    with Operations.context(context) as operations:
        while waiting:
            operation = waiting.pop(0)
            if isinstance(operation, OpContainer):
                waiting[:0] = operation.ops
                continue
            operations.invoke(operation)
            changes += 1
            if isinstance(operation, CreateTableOp):
                _open(operation.table_name)
    return changes


def _is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001
    """Leave the tables of the package that delivers tasks alone."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def _open(table: str) -> None:
    """Let the application use a new table, within its organisation if it has one."""
    if "org_id" in Base.metadata.tables[table].c:
        rls.protect(table)
    else:
        rls.grant(table)


def extend_migrations() -> None:
    """Add `push` and `studio` to the group that Flask-Migrate brings."""
    cli.db.add_command(push)
    cli.db.add_command(studio)
