"""A connection that goes back to the pool."""

import pytest
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.base import db
from app.db.engine import PREPARED, PatientConnection
from app.db.session import ANALYTICS
from app.web.errors import DATABASE_AWAY


@pytest.fixture
def engines(app):
    with app.app_context():
        yield db.engines


def test_a_returned_connection_forgets_who_used_it(engines):
    def who(connection):
        return connection.execute(
            text("SELECT current_user, coalesce(current_setting('app.org_id', true), '')")
        ).one()

    org = "01930000-0000-7000-8000-000000000000"
    with engines[None].connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        connection.execute(text("SET ROLE agentpress_app"))
        connection.execute(text("SELECT set_config('app.org_id', :org, false)"), {"org": org})
        connection.commit()
    with engines[ANALYTICS].connect(), engines[None].connect() as again:
        assert again.execute(text("SELECT pg_backend_pid()")).scalar() == pid
        assert who(again) == ("postgres", "")


def planned(connection, name):
    statement = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%' || :name")
    return connection.execute(statement, {"name": name}).scalar()


def used(engine, name, times=1, **options):
    """Run a statement in transactions that are rolled back, each on the pool's connection."""
    for _ in range(times):
        with engine.connect() as connection:
            connection.execute(text(f"SELECT 1 AS {name}"), execution_options=options)


def test_what_is_prepared_stays_so_beyond_its_transaction(engines):
    engine = engines[None]
    engine.dispose()
    used(engine, "hot", **PREPARED)
    used(engine, "cold", times=20)
    with engine.connect() as connection:
        assert (planned(connection, "hot"), planned(connection, "cold")) == (1, 0)
    used(engine, "hot", **PREPARED)
    with engine.connect() as connection:
        assert planned(connection, "hot") == 1


def test_a_failed_statement_has_everything_planned_anew(engines):
    engine = engines[None]
    table = text("SELECT name FROM changing").execution_options(**PREPARED)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE changing AS SELECT 1 AS name"))
    try:
        with engine.connect() as connection:
            assert connection.execute(table).scalar() == 1
            connection.rollback()
            with engine.begin() as other:
                other.execute(text("ALTER TABLE changing ALTER name TYPE text"))
            with pytest.raises(DBAPIError, match="cached plan"):
                connection.execute(table)
            connection.rollback()
            assert connection.execute(table).scalar() == "1"
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE changing"))


def test_connections_that_end_one_after_another_are_a_database_away(engines, monkeypatch):
    def end(_connection):
        raise errors.OperationalError("the server ended the connection")

    monkeypatch.setattr(PatientConnection, "ping", end)
    with pytest.raises(DATABASE_AWAY):
        engines[None].connect()
    monkeypatch.undo()
    with engines[None].connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
