"""`flask seed scale` on a database of its own, with small numbers."""

import secrets
import time

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from app import create_app
from app.auth.services.sign_in import verify_credentials
from app.commands import registry
from app.commands.scale.blocks import make_block
from app.commands.scale.cast import Size, make_cast
from app.commands.scale.load import tidy
from app.commands.scale.words import title, vocabulary
from app.db.base import db
from app.threads.parts import first_error, read_parts, text_content
from tests.support.database import TEMPLATE, settings
from tests.support.postgres import create_database, drop_database, in_database

SMALL = {"orgs": 3, "users": 12, "agents": 6, "threads": 60, "messages": 300, "seed-value": 7}
TABLES = ("orgs", "users", "org_members", "agents", "threads", "messages", "feedback")
GUARDS = """
    SELECT 'index', indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) || convalidated::text
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, tgenabled::text || pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'policy', tablename || '.' || policyname, roles::text || cmd || qual || coalesce(with_check, '')
      FROM pg_policies WHERE schemaname = 'public'
    UNION ALL SELECT 'table', relname,
           relkind::text || relpersistence::text || relrowsecurity::text || relforcerowsecurity::text || relacl::text
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    ORDER BY 1, 2
"""
RECOUNT = """
    SELECT count(*) FROM threads t
      CROSS JOIN LATERAL (
        SELECT count(*) AS messages, count(m.error) AS errors, max(m.created_at) AS latest, min(m.created_at) AS first,
               coalesce(sum(m.input_tokens + m.output_tokens), 0) AS tokens, coalesce(sum(m.cost_micros), 0) AS cost
          FROM messages m WHERE m.thread_id = t.id) c
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE f.rating > 0) AS ups, count(*) FILTER (WHERE f.rating < 0) AS downs
          FROM feedback f WHERE f.thread_id = t.id) r
     WHERE (t.message_count, t.error_count, t.tokens, t.cost_micros, t.up_count, t.down_count, t.last_message_at)
        IS DISTINCT FROM (c.messages, c.errors, c.tokens, c.cost, r.ups, r.downs, c.latest) OR c.first < t.created_at
"""
KEPT = "SELECT org_id, shared, sum(live) FROM thread_counts GROUP BY 1, 2 HAVING sum(live) <> 0 ORDER BY 1, 2"
# What the triggers write when the same rows arrive one by one.
AGAIN = """
    CREATE TEMP TABLE names AS SELECT * FROM thread_names;
    CREATE TEMP TABLE forms AS SELECT * FROM message_search;
    CREATE TEMP TABLE copies AS SELECT * FROM messages;
    CREATE TEMP TABLE titles AS SELECT * FROM threads;
    DELETE FROM threads;
    INSERT INTO threads SELECT * FROM titles;
    INSERT INTO messages SELECT * FROM copies;
"""


@pytest.fixture
def place(cluster):
    """An application on an empty database that is owned as in production, and a connection without policies."""
    name = f"agentpress_scale_{secrets.token_hex(4)}"
    app = create_app(settings(create_database(cluster, name, TEMPLATE)))
    registry.register(app)
    with psycopg.connect(in_database(cluster, name), autocommit=True) as connection:
        yield app, connection
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    drop_database(cluster, name)


def scale(app, status=0, flags=("--processes", "1"), **sizes) -> str:
    counts = [word for name, value in {**SMALL, **sizes}.items() for word in (f"--{name}", str(value))]
    result = app.test_cli_runner().invoke(args=["seed", "scale", *counts, *flags])
    assert result.exit_code == status, result.output
    return result.output


def rows(connection, table) -> list:
    """The rows but for the one password."""
    statement = SQL("SELECT to_jsonb(t) - 'password' FROM {} t ORDER BY id")
    return connection.execute(statement.format(Identifier(table))).fetchall()


def count(connection, table) -> int:
    return connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()[0]


def test_it_makes_what_was_asked_for_and_leaves_every_guard_in_place(place):
    app, connection = place
    before = connection.execute(GUARDS).fetchall()
    said = scale(app)
    assert connection.execute(GUARDS).fetchall() == before
    assert [count(connection, table) for table in TABLES[:-1]] == [3, 12, 12, 6, 60, 300]
    assert connection.execute(RECOUNT).fetchone() == (0,)
    assert "Made 60 threads with 300 messages" in said


def hidden(connection) -> dict:
    """Tables whose pages are not visible to all yet, with how many of how many are."""
    statement = SQL("SELECT relpages, relallvisible FROM pg_class WHERE oid = {}::regclass")
    tables = ("org_members", "agents", "threads", "thread_names", "messages", "message_search")
    pages = {table: connection.execute(statement.format(table)).fetchone() for table in tables}
    assert all(number > 0 for number, _ in pages.values()), pages
    # A page or two of a table are still empty.
    return {table: found for table, found in pages.items() if found[1] <= found[0] * 0.8}


def test_its_pages_are_visible_to_all_so_that_indexes_alone_answer(place):
    app, connection = place
    assert "Vacuuming" in scale(app)
    for _ in range(5):
        if hidden(connection):  # as long as somebody who is just connecting looks at the time before
            time.sleep(1)
            tidy(connection)
    assert hidden(connection) == {}


def test_side_tables_are_what_the_triggers_write(place):
    app, connection = place
    scale(app)
    numbers = connection.execute(KEPT).fetchall()
    connection.execute(AGAIN)
    assert connection.execute(KEPT).fetchall() == numbers
    assert sum(live for *_, live in numbers) > 0
    for kept, table, key in (
        ("names", "thread_names", "thread_id"),
        ("forms", "message_search", "message_id"),
    ):
        statement = SQL("SELECT count(*), count(*) FILTER (WHERE k = s) FROM {} k FULL JOIN {} s USING ({})")
        counts = connection.execute(statement.format(*map(Identifier, (kept, table, key)))).fetchone()
        assert counts[0] == counts[1] > 0


def test_the_same_value_makes_the_same_rows_with_any_number_of_processes(place, cluster):
    app, connection = place
    scale(app)
    first = {table: rows(connection, table) for table in TABLES}
    name = f"agentpress_scale_{secrets.token_hex(4)}"
    again = create_app(settings(create_database(cluster, name, TEMPLATE)))
    registry.register(again)
    scale(again, flags=("--processes", "2"))
    with psycopg.connect(in_database(cluster, name)) as other:
        assert {table: rows(other, table) for table in TABLES} == first
    drop_database(cluster, name)


def test_the_printed_account_signs_in(place):
    words = scale(place[0]).partition("Sign in as ")[2].split()
    email, password = words[0], words[4].rstrip(":")
    with place[0].test_request_context():
        assert verify_credentials(email, password).email == email


def test_a_second_value_stands_beside_the_first(place):
    app, connection = place
    scale(app)
    assert "are there already" in scale(app, status=2)
    scale(app, **{"seed-value": 8})
    assert count(connection, "threads") == 120
    assert count(connection, "message_search") == 600
    assert connection.execute(RECOUNT).fetchone() == (0,)


def test_other_organisations_are_left_alone(place):
    app, connection = place
    connection.execute("INSERT INTO orgs (id, name, slug) VALUES (gen_random_uuid(), 'Acme', 'acme')")
    assert "'acme' is no sample" in scale(app, status=2)
    assert count(connection, "threads") == 0
    scale(app, flags=("--processes", "1", "--beside-others"))
    assert count(connection, "threads") == 60


def test_too_few_people_are_a_usage_error(place):
    assert "give at least as many" in scale(place[0], status=2, users=2)


def test_a_failure_keeps_nothing(place):
    app, connection = place
    before = connection.execute(GUARDS).fetchall()
    connection.execute("ALTER TABLE messages ADD CHECK (text_content <> text_content) NOT VALID")
    assert "nothing was kept" in scale(app, status=1)
    connection.execute("ALTER TABLE messages DROP CONSTRAINT messages_text_content_check")
    assert connection.execute(GUARDS).fetchall() == before
    assert count(connection, "orgs") == 0


def test_parts_are_valid_and_text_and_error_follow_from_them(place):
    app, connection = place
    scale(app, threads=100, messages=800)
    for raw, text, error in connection.execute("SELECT parts, text_content, error FROM messages"):
        parts = read_parts(raw)
        assert (text_content(parts), first_error(parts)) == (text, error)


def test_shares_are_what_lists_and_searches_meet_in_life():
    size = Size(orgs=20, users=1000, agents=200, threads=40_000, messages=200_000, seed_value=1)
    cast = make_cast(size)
    lines = [line.split("\t") for number in (0, 1, 2) for line in make_block(size, cast, number).threads]
    total = len(lines)
    largest = sum(line[1] == cast.orgs[0].id for line in lines) / total
    heavy = sum(line[2] == cast.people[0].id for line in lines) / total
    common = sum(vocabulary()[0] in line[4].lower().split() for line in lines) / total
    assert 0.37 < largest < 0.43
    assert 0.22 < heavy < 0.28
    assert 0.03 < common < 0.07
    assert max(int(line[11]) for line in lines) == 2000
    assert title().count(vocabulary()[-1]) * 7 / len(title()) < 0.0001
