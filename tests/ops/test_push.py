"""`flask db push` on a database that differs from the models."""

import secrets

import pytest

from tests.support import database
from tests.support.cli import flask
from tests.support.postgres import OWNER, create_database, drop_database, execute, in_database

POLICIES = "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
GRANTS = (
    "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
    " WHERE grantee = 'agentpress_app' ORDER BY 1, 2"
)
COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2"
)
NAMES = (
    "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    " UNION ALL SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
)
DIFFERENCES = (
    "ALTER TABLE agents DROP COLUMN description",
    "ALTER TABLE agents ADD COLUMN experiment text",
    "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
    "DROP INDEX sessions_user_id_idx",
    "DROP TABLE saved_views",
    "DROP TABLE login_attempts",
    "CREATE TABLE scratch (id int)",
)


@pytest.fixture
def place(cluster):
    """The settings of a database at the newest revision, which a test may change."""
    name = f"agentpress_push_{secrets.token_hex(4)}"
    create_database(cluster, name, database.TEMPLATE)
    yield {"DATABASE_URL": in_database(cluster, name, OWNER), "SECRET_KEY": database.SECRET_KEY}
    drop_database(cluster, name)


def schema(place) -> list[list[tuple[object, ...]]]:
    return [execute(place["DATABASE_URL"], query) for query in (COLUMNS, NAMES, POLICIES, GRANTS)]


def test_the_schema_is_made_to_match_the_models(place):
    before = schema(place)
    for statement in DIFFERENCES:
        execute(place["DATABASE_URL"], statement)
    assert schema(place) != before
    first = flask({**place, "FLASK_DEBUG": "1"}, "db", "push")
    assert first.returncode == 0, first.stderr
    assert "changes made." in first.stdout
    assert schema(place) == before
    second = flask({**place, "FLASK_DEBUG": "1"}, "db", "push")
    assert "Nothing to change." in second.stdout
    assert flask(place, "db", "check").returncode == 0


def test_rows_stay_where_their_columns_stay(place):
    execute(
        place["DATABASE_URL"], "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'a@example.org')"
    )
    execute(place["DATABASE_URL"], "ALTER TABLE users DROP COLUMN first_name")
    assert flask({**place, "FLASK_DEBUG": "1"}, "db", "push").returncode == 0
    assert execute(place["DATABASE_URL"], "SELECT email, first_name FROM users") == [("a@example.org", None)]


def test_in_production_it_refuses_and_changes_nothing(place):
    execute(place["DATABASE_URL"], "ALTER TABLE agents DROP COLUMN description")
    before = schema(place)
    refused = flask(place, "db", "push")
    assert refused.returncode == 2
    assert "`db push` is for development" in refused.stderr
    assert schema(place) == before
