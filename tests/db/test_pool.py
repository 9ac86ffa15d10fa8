"""A connection that goes back to the pool."""

import pytest
from psycopg import errors
from sqlalchemy import text

from app.db.base import db
from app.db.engine import PatientConnection
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


def test_connections_that_end_one_after_another_are_a_database_away(engines, monkeypatch):
    def end(_connection):
        raise errors.OperationalError("the server ended the connection")

    monkeypatch.setattr(PatientConnection, "ping", end)
    with pytest.raises(DATABASE_AWAY):
        engines[None].connect()
    monkeypatch.undo()
    with engines[None].connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
