"""Alembic's environment: one migrator at a time, short locks, one transaction per revision."""

from alembic import context
from alembic.util import CommandError
from flask import current_app
from psycopg.errors import InsufficientPrivilege, UndefinedObject
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app import models
from app.db.base import Base, db
from app.db.engine import without_limit
from app.web.errors import DATABASE_AWAY

assert models.__all__
ADVISORY_LOCK = 20_260_001


def include_object(_obj: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001
    """Leave out the tables of other packages."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def configure(connection: Connection) -> None:
    """Compare with the models; Flask-Migrate asks for types as well."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        transaction_per_migration=True,
        **current_app.extensions["migrate"].configure_args,
    )


def run() -> None:
    """Migrate as the owner. A second migrator waits for the first; a statement waits 4 s for a lock, then gives up."""
    with db.engine.connect() as connection:
        without_limit(connection)
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.execute(text("SET statement_timeout = '5s'"))
        connection.execute(text("SET row_security = off"))
        connection.commit()
        configure(connection)
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()


def refusal(error: DBAPIError) -> str | None:
    """What only the operator can put right, in words; None for what a migration did wrong."""
    if isinstance(error.orig, UndefinedObject) and "halfvec" in str(error.orig):
        return "This database lacks pgvector: have a superuser run CREATE EXTENSION vector in it, and start again."
    if isinstance(error, DATABASE_AWAY) or isinstance(error.orig, InsufficientPrivilege):
        words = " ".join(str(error.orig).split())
        return f"The database refused, and nothing more was changed: {words}"
    return None


def run_or_refuse() -> None:
    """Migrate. CommandError, which the command line prints without a stack, for what only the operator can put right."""
    try:
        run()
    except DBAPIError as error:
        words = refusal(error)
        if words is None:
            raise
        raise CommandError(words) from error


run_or_refuse()
