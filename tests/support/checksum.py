"""The state of a database, a count and a digest per table: proof that a refused request changed nothing."""

from collections.abc import Iterable

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from sqlalchemy import Connection

VOLATILE_COLUMNS = frozenset({"last_seen_at", "last_used_at"})
VOLATILE_TABLES = frozenset({"alembic_version", "login_attempts", "procrastinate_workers", "workers"})
"""A worker says every few seconds in two of them that it lives."""

COLUMNS = """
    SELECT relname::text, array_agg(attname::text ORDER BY attname)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') GROUP BY relname ORDER BY relname
"""

State = dict[str, tuple[int, str | None]]


def state(connection: psycopg.Connection, ignore_tables: Iterable[str] = ()) -> State:
    """Return (rows, digest) of every table; the connection's role must see all rows (the superuser)."""
    ignored = VOLATILE_TABLES | set(ignore_tables)
    with connection.cursor(row_factory=tuple_row) as cursor:
        tables = [row for row in cursor.execute(COLUMNS).fetchall() if row[0] not in ignored]
        digests = sql.SQL(" UNION ALL ").join(_digest(name, columns) for name, columns in tables)
        return {name: (count, digest) for name, count, digest in cursor.execute(digests)}


def of_transaction(connection: Connection, ignore_tables: Iterable[str] = ()) -> State:
    """Return the state inside a test's transaction, which may have any role in force, and leave that role."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    role = raw.execute("SELECT current_setting('role')").fetchone()[0]
    raw.execute("SELECT set_config('role', 'none', true)")
    try:
        return state(raw, ignore_tables)
    finally:
        raw.execute("SELECT set_config('role', %s, true)", [role])


def _digest(table: str, columns: list[str]) -> sql.Composed:
    fields = [sql.Identifier(column) for column in columns if column not in VOLATILE_COLUMNS]
    return sql.SQL(
        "SELECT {}, count(*), md5(string_agg(md5(line), '' ORDER BY md5(line)))"
        " FROM (SELECT ROW({})::text AS line FROM {}) AS lines"
    ).format(table, sql.SQL(", ").join(fields), sql.Identifier("public", table))


def differences(before: State, after: State) -> dict[str, tuple[object, object]]:
    """Return what differs, by table."""
    return {
        table: (before.get(table), after.get(table))
        for table in before.keys() | after.keys()
        if before.get(table) != after.get(table)
    }
