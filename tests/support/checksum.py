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
    SELECT table_name, array_agg(column_name::text ORDER BY column_name)
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' GROUP BY table_name ORDER BY table_name
"""

State = dict[str, tuple[int, str | None]]


def state(connection: psycopg.Connection, ignore_tables: Iterable[str] = ()) -> State:
    """Return (rows, digest) of every table; the connection's role must see all rows (the superuser)."""
    ignored = VOLATILE_TABLES | set(ignore_tables)
    with connection.cursor(row_factory=tuple_row) as cursor:
        tables = [row for row in cursor.execute(COLUMNS).fetchall() if row[0] not in ignored]
        return {name: _digest(cursor, name, columns) for name, columns in tables}


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


def _digest(cursor: psycopg.Cursor, table: str, columns: list[str]) -> tuple[int, str | None]:
    fields = [sql.Identifier(column) for column in columns if column not in VOLATILE_COLUMNS]
    query = sql.SQL(
        "SELECT count(*), md5(string_agg(md5(line), '' ORDER BY md5(line)))"
        " FROM (SELECT ROW({})::text AS line FROM {}) AS lines"
    ).format(sql.SQL(", ").join(fields), sql.Identifier("public", table))
    count, digest = cursor.execute(query).fetchone()
    return count, digest


def differences(before: State, after: State) -> dict[str, tuple[object, object]]:
    """Return what differs, by table."""
    return {
        table: (before.get(table), after.get(table))
        for table in before.keys() | after.keys()
        if before.get(table) != after.get(table)
    }
