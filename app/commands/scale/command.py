"""`flask seed scale`."""

import secrets
import time

import click
import psycopg
from flask.cli import with_appcontext

from app.auth.services.passwords import hash_password
from app.commands.scale.blocks import cast_of
from app.commands.scale.cast import Size, prefix
from app.commands.scale.catalogue import FILLED
from app.commands.scale.load import load, tidy
from app.web.security import settings

# VACUUM marks a page as visible to all only once the commits of about the same time are written: none may hurry ahead.
_OPTIONS = "-c timezone=UTC -c search_path=public -c synchronous_commit=on"
_COUNT = click.IntRange(1, 1_000_000_000)
_OTHERS = "SELECT slug FROM orgs WHERE slug !~ '^scale-[0-9]+-[0-9]+$' ORDER BY slug LIMIT 1"
_SAME = "SELECT 1 FROM orgs WHERE starts_with(slug, %s) LIMIT 1"
_OWNED = "SELECT pg_has_role(tableowner, 'USAGE') FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY (%s)"


@click.command()
@click.option(
    "--orgs", type=_COUNT, default=20, show_default=True, help="Organisations; the first holds 40 %."
)
@click.option(
    "--users", type=_COUNT, default=1_000, show_default=True, help="Accounts, one organisation each."
)
@click.option("--agents", type=_COUNT, default=200, show_default=True)
@click.option("--threads", type=_COUNT, default=1_000_000, show_default=True)
@click.option("--messages", type=_COUNT, default=5_000_000, show_default=True)
@click.option(
    "--seed-value",
    type=click.IntRange(0, 999_999),
    default=1,
    show_default=True,
    help="The same value makes the same rows.",
)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="That make rows.")
@click.option("--beside-others", is_flag=True, help="Also where other organisations are.")
@with_appcontext
def scale(*, processes: int, beside_others: bool, **numbers: int) -> None:
    """Fill the database with many threads and messages, to see how the product behaves with them.

    Everything is written in one transaction, which keeps all others from reading threads until it ends.
    """
    size = Size(**numbers)
    if min(size.users, size.agents) < size.orgs:
        raise click.UsageError("Every organisation needs a person and an agent: give at least as many.")
    password = secrets.token_urlsafe(16)
    began = time.monotonic()
    try:
        with psycopg.connect(_address(), autocommit=True, options=_OPTIONS) as connection:
            with connection.transaction():
                _check(connection, size, beside_others=beside_others)
                for step in load(connection, size, hash_password(password), processes):
                    click.echo(f"{time.monotonic() - began:7.1f} s  {step}.", err=True)
            click.echo(f"{time.monotonic() - began:7.1f} s  Vacuuming.", err=True)
            tidy(connection)
    except psycopg.Error as error:
        raise click.ClickException(f"The database refused, and nothing was kept: {error}") from None
    cast = cast_of(size)
    click.echo(
        f"Made {size.threads:,} threads with {size.messages:,} messages in {time.monotonic() - began:.0f} s.\n"
        f"Sign in as {cast.people[0].email} with the password {password}: the owner of {cast.orgs[0].name}, "
        f"whose list is at {settings().base_url}/o/{cast.orgs[0].slug}/threads."
    )


def _address() -> str:
    """The database's address as psycopg takes it."""
    return settings().database_url.replace("postgresql+psycopg://", "postgresql://", 1)


def _check(connection: psycopg.Connection, size: Size, *, beside_others: bool) -> None:
    """A usage error where filling would fail or surprise."""
    owned = [row[0] for row in connection.execute(_OWNED, (list(FILLED),))]
    if len(owned) < len(FILLED):
        raise click.UsageError("The database is not up to date: run `flask --app wsgi db upgrade` first.")
    if not all(owned):
        raise click.UsageError("Only the owner of the tables can fill them: use its DATABASE_URL.")
    if connection.execute(_SAME, (prefix(size.seed_value),)).fetchone():
        raise click.UsageError(f"The rows of seed value {size.seed_value} are there already.")
    other = connection.execute(_OTHERS).fetchone()
    if other and not beside_others:
        raise click.UsageError(
            f"The organisation {other[0]!r} is no sample; with --beside-others it gets company."
        )
