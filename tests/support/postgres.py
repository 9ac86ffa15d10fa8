"""A throw-away PostgreSQL 18 with pgvector on a loopback port, made of the embedded server's binaries."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from app.db.embedded.account import account_for
from app.db.embedded.postgres import installed_binaries
from tests.support.processes import Process, free_port

OWNER = "agentpress"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "client_connection_check_interval": "500ms",
    "autovacuum": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
LASTING = {"synchronous_commit": "on"}
"""Of a server that is to be stopped as if it crashed: what it acknowledged survives that."""
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Postgres:
    """A cluster of its own: superuser `postgres`; role `agentpress` (LOGIN CREATEROLE) owns the databases.

    It lives in `directory`, or else in a new one in `parent`, and has more settings than SETTINGS where given.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        parent: Path | None = None,
        directory: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix="agentpress-postgres-", dir=parent))
        self._settings = {**SETTINGS, **(settings or {})}
        self.port = free_port()
        self._binaries = installed_binaries()
        self._account = account_for(self.directory / "data", os.geteuid())
        self._become = self._account.entering(self.directory, self._binaries / "postgres")
        self._process = Process(
            [str(self._binaries / "postgres"), "-D", str(self.directory / "data"), *self._options()],
            log=self.directory / "postgres.log",
            environment={**os.environ, **(environment or {})},
            directory=self.directory,
            become=self._become,
        )

    def _options(self) -> list[str]:
        place = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        pairs = {**self._settings, **place}.items()
        return [part for name, value in pairs for part in ("-c", f"{name}={value}")]

    def create(self) -> None:
        """Initialise the cluster, start it and make the owner role."""
        os.chown(self.directory, self._account.uid, self._account.gid)
        subprocess.run(
            [
                self._binaries / "initdb",
                *("-D", self.directory / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"),
                *(
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--no-sync",
                    "--no-instructions",
                ),
            ],
            check=True,
            cwd=self.directory,
            capture_output=True,
            preexec_fn=self._become,
        )
        self.start()
        self.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")

    def start(self) -> None:
        self._process.start(self._answers)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; modes smart, fast and immediate as PostgreSQL knows them."""
        self._process.stop(STOP_SIGNALS[mode])

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def pause(self) -> None:
        """Freeze every server process: connections stay open and nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def kill(self) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def remove(self) -> None:
        """Stop the server and delete its directory."""
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def dsn(self, database: str = "postgres", role: str = "postgres") -> str:
        """Return the address of a database as psycopg and pg_dump take it."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def execute(
        self, statement: str, *values: object, database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """Run one statement as superuser, outside any transaction, and return its rows."""
        return execute(self.dsn(database), statement, *values)

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database as `create_database` below does."""
        return create_database(self.dsn(), name, template)

    def drop_database(self, name: str) -> None:
        drop_database(self.dsn(), name)


def execute(dsn: str, statement: str | sql.Composed, *values: object) -> list[tuple[object, ...]]:
    """Run one statement outside any transaction and return its rows."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def in_database(dsn: str, database: str, role: str = "postgres") -> str:
    """Return the address of another database of the same cluster."""
    host = dsn.rsplit("@", 1)[1].rsplit("/", 1)[0]
    return f"postgresql://{role}@{host}/{database}"


def create_database(admin: str, name: str, template: str = "template0") -> str:
    """Create a database with vector, owned by `agentpress`; return the owner's address."""
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY wal_log")
    execute(admin, statement.format(*map(sql.Identifier, (name, OWNER, template))))
    if template == "template0":
        execute(in_database(admin, name), "CREATE EXTENSION vector")
    return in_database(admin, name, OWNER)


def drop_database(admin: str, name: str) -> None:
    execute(admin, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
