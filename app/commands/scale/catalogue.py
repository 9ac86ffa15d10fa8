"""What stands in the way of loading: policies, triggers, constraints and indexes, taken down and put back as they were.

All of it happens in the caller's transaction, so nobody ever sees the tables without their guards.
"""

from collections.abc import Sequence

from psycopg import Connection
from psycopg.sql import SQL, Identifier

LARGE = ("threads", "thread_names", "messages", "message_search", "feedback")
FILLED = ("org_members", "agents", "thread_counts", *LARGE)
"""Tenant tables that are written."""

# Foreign keys lean on keys, so they come down first and go up last.
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE contype IN ('f', 'u', 'p')
       AND (conrelid = ANY (%(tables)s::regclass[]) OR confrelid = ANY (%(tables)s::regclass[]))
     ORDER BY contype = 'f' DESC, conrelid::regclass::text, conname
"""
_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
     WHERE i.indrelid = ANY (%(tables)s::regclass[])
       AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('u', 'p'))
     ORDER BY 1
"""


class Guards:
    """The guards of the tables, from `lower` to `raise_again`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        tables = {"tables": list(LARGE)}
        self._constraints: Sequence[tuple[str, str, str]] = connection.execute(
            _CONSTRAINTS, tables
        ).fetchall()
        self._indexes: Sequence[tuple[str, str]] = connection.execute(_INDEXES, tables).fetchall()

    def lower(self) -> None:
        """Let the owner write every organisation's rows, and nothing watch it."""
        for table in FILLED:
            self._alter(table, SQL("NO FORCE ROW LEVEL SECURITY"))
        for table in LARGE:
            self._alter(table, SQL("DISABLE TRIGGER USER"))
        for table, name, _ in self._constraints:
            self._alter(table, SQL("DROP CONSTRAINT {}").format(Identifier(name)))
        for name, _ in self._indexes:
            self._connection.execute(SQL("DROP INDEX {}").format(Identifier(name)))

    def raise_again(self) -> None:
        """Build the indexes, check the constraints, and have policies and triggers in force."""
        for _, definition in self._indexes:
            self._connection.execute(definition.encode())
        for table, name, definition in reversed(self._constraints):
            self._alter(table, SQL("ADD CONSTRAINT {} {}").format(Identifier(name), SQL(definition)))
        for table in LARGE:
            self._alter(table, SQL("ENABLE TRIGGER USER"))
        for table in FILLED:
            self._alter(table, SQL("FORCE ROW LEVEL SECURITY"))

    def _alter(self, table: str, change: object) -> None:
        self._connection.execute(SQL("ALTER TABLE {} {}").format(Identifier(table), change))
