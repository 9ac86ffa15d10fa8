"""A connection that goes back to the pool."""

import pytest
from sqlalchemy import text

from app.db.base import db
from app.db.session import ANALYTICS


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
