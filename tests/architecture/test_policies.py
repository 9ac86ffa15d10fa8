"""Row-level security, tried from inside: the application's role against the rows of another organisation."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.factories import world


@pytest.fixture
def tables(connection):
    """Every table with an org_id."""
    query = "SELECT table_name FROM information_schema.columns WHERE column_name = 'org_id' AND table_schema = 'public'"
    return sorted(connection.execute(text(query)).scalars())


@pytest.fixture
def ours(connection):
    return world.tenant("Ourcanary")


@pytest.fixture
def theirs(connection):
    return world.tenant("Theircanary")


@pytest.fixture
def enter(connection):
    """A function that switches to the application's role, in an organisation or in none."""

    def act(org_id: object = "", user_id: object = "") -> None:
        connection.execute(
            text(
                "SELECT set_config('role', 'agentpress_app', true), set_config('app.org_id', :org, true),"
                " set_config('app.user_id', :user, true)"
            ),
            {"org": str(org_id), "user": str(user_id)},
        )

    return act


def organisations(connection, table):
    return set(connection.execute(text(f"SELECT org_id FROM {table}")).scalars())  # noqa: S608 - from the catalogue


def refused(connection, statement, **values):
    with (
        pytest.raises(ProgrammingError, match=r"row-level security|permission denied"),
        connection.begin_nested(),
    ):
        connection.execute(text(statement), values)


def test_the_world_holds_a_row_of_every_tenant_table(tables, connection, ours):
    empty = [table for table in tables if ours.org.id not in organisations(connection, table)]
    assert empty == [], "tests.factories.world lacks a row of these"


def test_only_the_own_organisation_is_seen(connection, tables, ours, theirs, enter):
    enter(ours.org.id)
    assert {table: organisations(connection, table) for table in tables} == {
        table: {ours.org.id} for table in tables
    }


def test_without_an_organisation_nothing_is_seen(connection, tables, ours, theirs, enter):
    enter()
    assert {table: organisations(connection, table) for table in tables} == {table: set() for table in tables}


def test_a_person_sees_own_memberships_everywhere(connection, ours, theirs, enter):
    with_both = world.orgs.member(theirs.org, "viewer", ours.owner)
    enter(user_id=with_both.id)
    assert organisations(connection, "org_members") == {ours.org.id, theirs.org.id}


def test_rows_of_another_organisation_cannot_be_changed_or_removed(
    connection, tables, ours, theirs, enter, state
):
    before = state()
    enter(ours.org.id)
    for table in set(tables) - {"audit_events", "email_outbox"}:
        for verb in (f"DELETE FROM {table}", f"UPDATE {table} SET org_id = org_id"):  # noqa: S608
            done = connection.execute(text(f"{verb} WHERE org_id = :org"), {"org": theirs.org.id})
            assert done.rowcount == 0, (verb, table)
    assert state() == before


def test_rows_cannot_be_moved_or_added_to_another_organisation(connection, tables, ours, theirs, enter):
    enter(ours.org.id)
    for table in set(tables) - {"audit_events", "email_outbox"}:
        refused(connection, f"UPDATE {table} SET org_id = :org", org=theirs.org.id)  # noqa: S608
    refused(
        connection,
        "INSERT INTO agents (id, org_id, name) VALUES (gen_random_uuid(), :org, 'Planted')",
        org=theirs.org.id,
    )
    refused(
        connection,
        "INSERT INTO audit_events (id, org_id, actor_label, action, target_type)"
        " VALUES (gen_random_uuid(), :org, 'x', 'x', 'x')",
        org=theirs.org.id,
    )


def test_audit_rows_and_sent_mail_cannot_be_rewritten(connection, ours, enter):
    enter(ours.org.id)
    for statement in (
        "UPDATE audit_events SET action = 'x'",
        "DELETE FROM audit_events",
        "DELETE FROM email_outbox",
    ):
        refused(connection, statement)
    refused(connection, "SELECT context FROM email_outbox")


def test_the_application_owns_nothing_it_could_alter(connection, enter):
    enter()
    for statement in ("CREATE TABLE planted (id int)", "ALTER TABLE agents DISABLE ROW LEVEL SECURITY"):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            connection.begin_nested(),
        ):
            connection.execute(text(statement))
