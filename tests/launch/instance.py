"""An AgentPress started as an operator starts it, in a data directory of its own."""

import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import psutil
import psycopg

from app.db.embedded.places import Places, database_url
from tests.support.processes import Process, free_port, wait_until

ROOT = Path(__file__).parents[2]
READY = "AgentPress runs at "
START_SECONDS = 60


class Instance:
    """`start.py` of `root` on `data_dir`; entering it waits until it is ready, leaving it stops it.

    `account` runs it, if given, with the system's own Python.
    """

    def __init__(
        self,
        data_dir: Path,
        root: Path = ROOT,
        account: pwd.struct_passwd | None = None,
        **environment: str,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        unset = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "BASE_URL", "SECRET_KEY", "MAIL_SERVER"), "")
        settings = {"DATA_DIR": str(data_dir), "PORT": str(self.port), **environment}
        self.process = Process(
            ["/usr/bin/python3" if account else sys.executable, str(root / "start.py")],
            log=next(path for path in data_dir.parents if path.is_dir()) / f"start-{self.port}.log",
            environment={**bare, **pip, **unset, **settings},
            directory=root,
            become=_becoming(account) if account else None,
        )

    @property
    def places(self) -> Places:
        return Places.of(self.data_dir)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop(signal.SIGTERM, seconds=60)

    def start(self, seconds: float = START_SECONDS) -> None:
        """Start it and wait for its line; raises RuntimeError when it ends before."""
        already = self.process.output().count(READY)
        self.process.start(lambda: self.process.output().count(READY) > already, seconds)

    def refusal(self) -> tuple[int | None, str]:
        """Start it, expecting it to give up: its exit code and what it said."""
        self.process.start(lambda: True)
        code = self.process.wait(START_SECONDS)
        return code, self.process.output()

    def pid(self, part: str) -> int:
        """The number of a part's process."""
        if part == "postgres":
            return int((self.places.cluster / "postmaster.pid").read_text().split()[0])
        return int((self.places.run / f"{part}.pid").read_text().split()[0])

    def kill(self, part: str) -> None:
        """End one process of the instance without giving it a chance."""
        os.kill(self.process.pid if part == "start.py" else self.pid(part), signal.SIGKILL)

    def wait_for_new(self, part: str, old: int) -> None:
        """Wait until the part runs under another number."""
        wait_until(lambda: self._number(part) not in {None, old}, 20, f"a new {part}")

    def _number(self, part: str) -> int | None:
        try:
            return self.pid(part)
        except (OSError, ValueError, IndexError):
            return None

    def database(self) -> psycopg.Connection:
        """A connection of the application's own role."""
        return psycopg.connect(database_url(self.data_dir).replace("+psycopg", ""), autocommit=True)

    def answers(self) -> bool:
        """Whether the database takes connections, which one that recovers does not yet."""
        try:
            self.database().close()
        except psycopg.OperationalError:
            return False
        return True

    def remember(self, fact: str) -> None:
        """Commit a fact."""
        with self.database() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS facts (fact text)")
            connection.execute("INSERT INTO facts VALUES (%s)", [fact])

    def facts(self) -> list[str]:
        """What was committed, oldest first."""
        with self.database() as connection:
            return [row[0] for row in connection.execute("SELECT fact FROM facts ORDER BY fact")]

    def living(self) -> list[str]:
        """The command lines of all processes that belong to this data directory."""
        marks = (str(self.data_dir), str(self.places.runtime))
        return [line for line in _command_lines() if any(mark in line for mark in marks)]


def _becoming(account: pwd.struct_passwd) -> Callable[[], None]:
    def become() -> None:
        os.setgroups([])
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)

    return become


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                yield " ".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue
