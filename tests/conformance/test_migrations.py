"""MG: migrations go up, down and up again, wait for nobody too long, and survive being killed."""

import random
import re
import signal
import subprocess
import time
from contextlib import contextmanager

import flask_migrate
import psycopg
import pytest
from alembic.script import ScriptDirectory

from app import create_app
from app.commands import registry
from app.db.base import db
from app.db.embedded.postgres import installed_binaries
from tests.factories import world
from tests.support import checksum, database
from tests.support.cli import flask, start_flask
from tests.support.postgres import OWNER, create_database, drop_database, execute, in_database
from tests.support.processes import wait_until
from tests.support.web import ROOT

REVISIONS = [script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()][::-1]
LOCK_SECONDS = 4
START_SECONDS = 15  # of a program on a busy machine


@pytest.fixture
def empty(cluster):
    """The settings of an empty database."""
    name = f"agentpress_migrate_{random.randrange(10**9)}"
    create_database(cluster, name)
    yield {"DATABASE_URL": in_database(cluster, name, OWNER), "SECRET_KEY": database.SECRET_KEY}
    drop_database(cluster, name)


def superuser(settings):
    return settings["DATABASE_URL"].replace(f"{OWNER}@", "postgres@")


def run(settings, *arguments):
    done = flask(settings, "db", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def migrating(settings):
    """Inside an application whose migrations are run by this process, which saves its start for each of many steps."""
    migrated = create_app(database.settings(settings["DATABASE_URL"]))
    registry.register(migrated)
    with migrated.app_context():
        yield
        for engine in db.engines.values():
            engine.dispose()


def dump(settings) -> str:
    """Return the schema as pg_dump writes it, without its per-run marks."""
    command = [installed_binaries() / "pg_dump", "--schema-only", "--no-owner", superuser(settings)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def state(settings) -> checksum.State:
    with psycopg.connect(superuser(settings), autocommit=True) as connection:
        return checksum.state(connection)


def revision(settings) -> list[tuple[object, ...]]:
    return execute(superuser(settings), "SELECT version_num FROM alembic_version")


def invalid_indexes(settings) -> list[tuple[object, ...]]:
    return execute(superuser(settings), "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")


def test_mg_1_empty_head_base_head(empty):
    run(empty, "upgrade")
    at_head = dump(empty)
    run(empty, "downgrade", "base")
    assert "CREATE TABLE" not in dump(empty).replace("CREATE TABLE public.alembic_version", "")
    run(empty, "upgrade")
    assert dump(empty) == at_head
    run(empty, "check")


def test_mg_1_each_step_keeps_the_rows_of_the_ones_before(empty, app):
    run(empty, "upgrade")
    engine = database.superuser_engine(superuser(empty), superuser(empty).rpartition("/")[2])
    with database.source(engine), app.app_context():
        world.tenant("Migrated")
    full = state(empty)
    with migrating(empty):
        for earlier, later in zip(REVISIONS[-2::-1], REVISIONS[:0:-1], strict=True):
            flask_migrate.downgrade(revision=earlier)
            kept = state(empty)
            flask_migrate.upgrade(revision=later)
            again = state(empty)
            lost = {table for table in kept if again[table][0] < kept[table][0]}
            assert lost == set(), f"the way from {later} down to {earlier} and up again lost rows"
    run(empty, "upgrade")
    assert state(empty).keys() == full.keys()


@pytest.fixture
def former(empty):
    """The settings of a database of revision 0037, where an organisation has ten threads, three of them archived."""
    run(empty, "upgrade", "0037")
    execute(superuser(empty), "INSERT INTO orgs (id, name, slug) VALUES (gen_random_uuid(), 'Acme', 'acme')")
    add = """
        INSERT INTO threads (id, org_id, name, origin, archived)
        SELECT gen_random_uuid(), o.id, 'Thread', %s, n = 1 FROM orgs o, generate_series(1, %s) n
    """
    with psycopg.connect(superuser(empty)) as connection:
        for origin, number in (("api", 3), ("console", 5), ("import", 2)):
            connection.execute(add, (origin, number))
    return empty


def counted(settings):
    return execute(superuser(settings), "SELECT shared, live FROM thread_counts ORDER BY 1")


def test_mg_1_threads_that_are_there_already_are_counted(former):
    run(former, "upgrade")
    assert counted(former) == [(False, 4), (True, 3)]


@pytest.mark.conformance
def test_mg_1_threads_are_counted_however_long_that_takes(former):
    slowly = "ALTER POLICY threads_definer ON threads USING (pg_sleep(0.9) IS NOT NULL)"
    execute(superuser(former), slowly)
    run(former, "upgrade")
    assert counted(former) == [(False, 4), (True, 3)]


def test_mg_1_accounts_that_are_there_already_are_proven_since_they_were_made(former):
    run(former, "upgrade", "0038")
    add = (
        "INSERT INTO users (id, email, created_at) VALUES (gen_random_uuid(), %s, now() - interval '1 year')"
    )
    with psycopg.connect(superuser(former)) as connection:
        for name in ("ana", "ben"):
            connection.execute(add, (f"{name}@example.org",))
    run(former, "upgrade", "0039")
    proven = """
        INSERT INTO users (id, email, created_at, email_proven_at)
        VALUES (gen_random_uuid(), 'invited@example.org', now() - interval '1 second', now()),
               (gen_random_uuid(), 'later@example.org', now() - interval '9 days', now() - interval '1 hour')
    """
    execute(superuser(former), proven)
    run(former, "upgrade")
    since = execute(superuser(former), "SELECT email, email_proven_at = created_at FROM users")
    assert dict(since) == {
        "ana@example.org": True,
        "ben@example.org": True,
        "invited@example.org": True,
        "later@example.org": False,
    }


WAITING = "SELECT 1 FROM pg_locks WHERE relation = 'thread_counts'::regclass AND NOT granted"


@pytest.mark.conformance
def test_mg_2_who_reads_in_another_order_is_let_through(former):
    run(former, "upgrade", "0038")
    with psycopg.connect(superuser(former)) as reader:
        reader.execute("SELECT count(*) FROM thread_counts")
        migrator = start_flask(former, "db", "downgrade", "0037")
        wait_until(lambda: execute(superuser(former), WAITING), START_SECONDS, "a migrator that waits")
        reader.execute("SELECT count(*) FROM threads")
        reader.execute("SELECT count(*) FROM orgs")
    said, _ = migrator.communicate(timeout=60)
    assert migrator.returncode == 0, said
    assert revision(former) == [("0037",)]


@pytest.mark.conformance
@pytest.mark.parametrize("table", ["orgs", "threads", "thread_counts"])
def test_mg_2_a_downgrade_that_cannot_have_its_tables_is_repeated(former, table):
    run(former, "upgrade", "0038")
    before = dump(former)
    with psycopg.connect(superuser(former)) as reader:
        reader.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        started = time.monotonic()
        done = flask(former, "db", "downgrade", "0037")
        assert (done.returncode, "lock timeout" in done.stderr) == (1, True), done.stderr
        assert time.monotonic() - started < LOCK_SECONDS + START_SECONDS
    assert (revision(former), dump(former)) == ([("0038",)], before)
    run(former, "downgrade", "0037")
    run(former, "upgrade", "0038")
    assert counted(former) == [(False, 4), (True, 3)]


@pytest.mark.conformance
def test_mg_2_a_reader_makes_the_migration_give_up_in_time(empty):
    run(empty, "upgrade")
    before = dump(empty)
    with psycopg.connect(superuser(empty)) as reader:
        reader.execute("SELECT count(*) FROM agents")
        started = time.monotonic()
        done = flask(empty, "db", "downgrade", "base")
        assert done.returncode != 0
        assert "lock timeout" in done.stderr
        assert time.monotonic() - started < LOCK_SECONDS + START_SECONDS
    run(empty, "upgrade")  # the steps before the one that waited
    assert dump(empty) == before
    run(empty, "downgrade", "base")


@pytest.mark.conformance
def test_mg_3_a_killed_migrator_is_repeated(empty):
    for attempt in range(10):
        child = start_flask(empty, "db", "upgrade")
        time.sleep(random.uniform(0.2, 1.5))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert invalid_indexes(empty) == [], attempt
    run(empty, "upgrade")
    assert revision(empty) == [(REVISIONS[-1],)]
    run(empty, "check")


def test_mg_3_of_two_migrators_one_works_and_the_other_waits(empty):
    children = [start_flask(empty, "db", "upgrade") for _ in range(2)]
    outputs = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], "\n".join(outputs)
    assert revision(empty) == [(REVISIONS[-1],)]


def test_a_database_without_pgvector_is_said_without_a_stack(empty):
    execute(superuser(empty), "DROP EXTENSION vector")
    done = flask(empty, "db", "upgrade")
    assert done.returncode == 1
    assert "CREATE EXTENSION vector" in done.stderr
    assert "Traceback" not in done.stderr
