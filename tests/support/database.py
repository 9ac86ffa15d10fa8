"""The databases of a run: a template built by the migrations, a clone per worker, a transaction per test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app import create_app
from app.commands import registry
from app.config import Settings, load_settings
from app.db.base import db
from tests.support.postgres import Postgres, in_database

TEMPLATE = "agentpress_template"
SECRET_KEY = "0123456789abcdef-only-for-the-tests-0123456789abcdef"
_IDENTITY = text(
    "SELECT current_setting('role') AS role, coalesce(current_setting('app.org_id', true), '') AS org,"
    " coalesce(current_setting('app.user_id', true), '') AS user"
)
_BECOME = text(
    "SELECT set_config('role', :role, true), set_config('app.org_id', :org, true),"
    " set_config('app.user_id', :user, true)"
)
_OWNER = {"role": "none", "org": "", "user": ""}

_sources: list[Connection | Engine] = []
_shared: ContextVar[Session | None] = ContextVar("_shared", default=None)


def settings(database_url: str, **environment: str) -> Settings:
    """Return the settings the product would read from this environment and no file."""
    given = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, **environment}
    read = load_settings(_no_embedded_server, environ=given, env_file=Path("/nonexistent"))
    return replace(read, testing=True)


def _no_embedded_server(_data_dir: Path) -> str:
    raise AssertionError("tests name their database")


def start_cluster(
    environment: Mapping[str, str] | None = None,
    parent: Path | None = None,
    tuned: Mapping[str, str] | None = None,
) -> Postgres:
    """Start a server whose template is what the migrations make of nothing.

    It gets more environment variables and settings, and a folder inside `parent` instead of the usual one.
    """
    cluster = Postgres(environment, parent, settings=tuned)
    cluster.create()
    app = create_app(settings(cluster.create_database(TEMPLATE)))
    registry.register(app)
    with app.app_context():
        flask_migrate.upgrade()
        for engine in db.engines.values():
            engine.dispose()
    return cluster


@contextmanager
def outer_transaction(app: Flask) -> Iterator[Connection]:
    """Let every session of the application join one transaction, which ends with a rollback.

    The connection belongs to the superuser: policies bind the application as soon as it switches its role.
    """
    with app.app_context():
        engines = db.engines
    kept = dict(engines)
    with kept[None].connect() as connection:
        outer = connection.begin()
        connection.pool = kept[
            None
        ].pool  # the connection stands in for its engine; the figures ask for its pool
        engines.update(dict.fromkeys(engines, connection))
        try:
            with source(connection):
                yield connection
        finally:
            engines.update(kept)
            outer.rollback()


@contextmanager
def source(place: Connection | Engine) -> Iterator[None]:
    """Have the factories write here."""
    _sources.append(place)
    try:
        yield
    finally:
        _sources.pop()


@contextmanager
def as_owner() -> Iterator[Session]:
    """A session that no policy binds, on the test's transaction; the role in force before is in force after."""
    if shared := _shared.get():
        yield shared
        shared.flush()
        shared.expunge_all()
        return
    place = _sources[-1]
    if isinstance(place, Engine):
        with place.connect() as connection, _owner_session(connection) as session:
            yield session
            session.commit()
            connection.commit()
        return
    before = place.execute(_IDENTITY).one()._asdict()
    try:
        with _owner_session(place) as session:
            yield session
            session.commit()
    finally:
        place.execute(_BECOME, before)


@contextmanager
def at_once() -> Iterator[None]:
    """Have the factories write all that follows in one session and one transaction, which is much quicker."""
    with as_owner() as session:
        token = _shared.set(session)
        try:
            yield
        finally:
            _shared.reset(token)


@contextmanager
def _owner_session(connection: Connection) -> Iterator[Session]:
    with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
        session.execute(_BECOME, _OWNER)
        yield session


def superuser_engine(admin: str, database: str) -> Engine:
    """Return an engine that sees and writes every row of a database and keeps no connection."""
    url = in_database(admin, database).replace("postgresql://", "postgresql+psycopg://")
    return create_engine(url, poolclass=NullPool)
