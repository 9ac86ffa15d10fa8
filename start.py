"""Install AgentPress beside this file and run it: PostgreSQL, Redis if there is one, web server, worker.

`python3 start.py` runs the product until Ctrl-C. `python3 start.py install` only installs it, with `--dev`
also what the tests and checks need. Only the standard library: this comes before everything else.
"""

import sys

if sys.version_info < (3, 11):
    print(f"AgentPress needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
    sys.exit(2)

import argparse
import contextlib
import errno
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent
# `app` itself needs packages that are not installed yet; its embedded database needs none.
_app = types.ModuleType("app")
_app.__path__ = [str(ROOT / "app")]
sys.modules["app"] = _app

from app.db.embedded.errors import EmbeddedError
from app.db.embedded.part import STOP_SECONDS, Part
from app.db.embedded.places import Places, redis_url
from app.db.embedded.postgres import EmbeddedPostgres
from app.db.embedded.private_redis import private_redis
from app.db.embedded.processes import terminate_leftover

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PRODUCT = ("requirements.txt",)
DEVELOPMENT = ("requirements.txt", "requirements-dev.txt")
ASSETS = "requirements-assets.txt"
MISTAKE = 2  # the exit code for what only the operator can put right
READY_SECONDS = 60


class RefusalError(Exception):
    """The product cannot run; the message says why and what to do, `code` is the exit code."""

    def __init__(self, message: str, code: int = MISTAKE) -> None:
        super().__init__(message)
        self.code = code


def say(line: str) -> None:
    """Tell the operator."""
    print(line, flush=True)


# Installation


def install(requirement_files: Sequence[str]) -> None:
    """Bring the virtual environment and the front-end files up to date; does nothing when they are."""
    with (ROOT / "requirements.txt").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        umask = os.umask(0o022)  # the account that runs PostgreSQL must be able to read its programs
        if not _stamp("python") or _stamp("python") != _identity():
            say("Making the virtual environment.")
            _must([getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--clear", str(VENV)])
            _write_stamp("python", _identity())
        for name in requirement_files:
            _install_once(name)
        _install_once(ASSETS, "--no-deps")
        _register_commands()
        _copy_asset(site_packages() / "django_htmx/static/django_htmx/htmx-2.min.js", "htmx.min.js")
        os.umask(umask)


def site_packages() -> Path:
    """Where the virtual environment keeps its packages."""
    return next((VENV / "lib").glob("python3.*/site-packages"))


def _identity() -> str:
    """Which Python the virtual environment runs, and where; empty when there is none that runs."""
    if not PYTHON.exists():
        return ""
    script = "import sys; print(sys.version, sys.prefix)"
    return subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=False).stdout


def _install_once(name: str, *options: str) -> None:
    wanted = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    if _stamp(name) == wanted:
        return
    say(f"Installing {name}.")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    _must([*pip, "--require-hashes", *options, "-r", name])
    _write_stamp(name, wanted)


def _register_commands() -> None:
    """Make the product's own `flask routes` known to Flask, whose built-in one would hide it."""
    (site_packages() / "agentpress.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    package = site_packages() / "agentpress.dist-info"
    package.mkdir(exist_ok=True)
    for name, text in (
        ("METADATA", "Metadata-Version: 2.1\nName: agentpress\nVersion: 0.1.0\n"),
        ("entry_points.txt", "[flask.commands]\nroutes = app.commands.inspect:routes\n"),
    ):
        (package / name).write_text(text, encoding="utf-8")


def _must(command: Sequence[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise RefusalError(
            "The installation failed: the lines above say why. Start again to go on from there.", 1
        )


def _stamp(name: str) -> str:
    path = VENV / f"installed-{name}"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _write_stamp(name: str, content: str) -> None:
    (VENV / f"installed-{name}").write_text(content, encoding="utf-8")


def _copy_asset(source: Path, name: str) -> None:
    target = ROOT / "static" / "vendor" / name
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    shutil.copyfile(source, fresh)
    fresh.rename(target)


# Configuration


@dataclass(frozen=True)
class Configuration:
    """The few settings needed before the application can check all of them itself."""

    environment: dict[str, str]

    @classmethod
    def read(cls) -> "Configuration":
        """The environment, completed by `.env` as the application's own reader understands it."""
        script = "import json, dotenv; print(json.dumps(dotenv.dotenv_values('.env')))"
        found = subprocess.run([PYTHON, "-c", script], check=True, capture_output=True)
        written = {name: value for name, value in json.loads(found.stdout).items() if value is not None}
        return cls({**written, **os.environ, "PYTHONUNBUFFERED": "1"})

    @property
    def data_dir(self) -> Path:
        """Where everything is kept."""
        return ROOT / Path(self.environment.get("DATA_DIR") or "instance").expanduser()

    @property
    def embedded(self) -> bool:
        """Whether the product brings its own database."""
        return not self.environment.get("DATABASE_URL")

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.environment.get("HOST") or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.environment.get("PORT") or 8000)

    @property
    def address(self) -> str:
        """Where a browser finds the product."""
        local = self.host in {"127.0.0.1", "0.0.0.0", "::", "::1"}  # noqa: S104 - compared, not bound
        shown = "localhost" if local else f"[{self.host}]" if ":" in self.host else self.host
        return (self.environment.get("BASE_URL") or f"http://{shown}:{self.port}").rstrip("/") + "/"


def require_free_port(host: str, port: int) -> None:
    """Raise RefusalError unless the web server will be able to listen there."""
    deadline = time.monotonic() + 2  # what a killed web server leaves behind needs a moment to end
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise RefusalError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
            if time.monotonic() > deadline:
                raise RefusalError(
                    f"Port {port} on {host} is taken by another program: set PORT to another one."
                ) from None
            time.sleep(0.1)
        else:
            return


# Running


class Instance:
    """One data directory and everything that runs for it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.environment = {**configuration.environment, "DATA_DIR": str(configuration.data_dir)}
        self.places = Places.of(configuration.data_dir)
        self.postgres: EmbeddedPostgres | None = None
        self.parts: list[Part] = []

    def run(self) -> None:
        """Start everything, say where it is, and keep it running until a signal; then stop it in order."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._only_one())
                self._start_database(stack)
                self._flask("db", "upgrade")
                require_free_port(self.configuration.host, self.configuration.port)
                self._start_parts(stack)
                self._welcome()
                self._watch()
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)  # the way down is not interrupted

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold the data directory; raises RefusalError while another instance does."""
        self.places.create_data_dir()
        with (self.places.run / "instance.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusalError(
                    f"AgentPress is already running on {self.places.data_dir}: stop it first."
                ) from None
            for name in ("web", "worker", "redis"):
                terminate_leftover(self.places.run / f"{name}.pid", STOP_SECONDS)
            yield

    def _start_database(self, stack: contextlib.ExitStack) -> None:
        if self.configuration.embedded:
            self.postgres = EmbeddedPostgres(self.places.data_dir, site_packages())
            stack.enter_context(self.postgres.attached())

    def _start_parts(self, stack: contextlib.ExitStack) -> None:
        if not self.environment.get("REDIS_URL"):
            self._start_redis(stack)
        worker = [str(PYTHON), "-m", "app.commands.worker"]
        for name, command in (("worker", worker), ("web", self._web_command())):
            part = Part(name, self.places.run / f"{name}.pid", command, self.environment, say)
            self.parts.append(stack.enter_context(part.running()))

    def _start_redis(self, stack: contextlib.ExitStack) -> None:
        redis = private_redis(self.places, say)
        if redis is None:
            say("No redis-server on PATH and no REDIS_URL: running without a cache.")
            return
        self.parts.append(stack.enter_context(redis.running()))
        self.environment["REDIS_URL"] = redis_url(self.places.data_dir)

    def _web_command(self) -> list[str]:
        host = f"[{self.configuration.host}]" if ":" in self.configuration.host else self.configuration.host
        threads = ["--worker-class", "gthread", "--workers", "1", "--threads", "100"]
        limits = ["--graceful-timeout", "10", "--limit-request-line", "8190"]
        quiet = ["--no-control-socket", "--log-level", "warning", "--forwarded-allow-ips", ""]
        bind = ["--bind", f"{host}:{self.configuration.port}"]
        return [str(PYTHON), "-m", "gunicorn", *threads, *limits, *quiet, *bind, "wsgi:app"]

    def _flask(self, *arguments: str) -> str:
        """The output of a command of the application; its refusal, already explained by it, becomes ours."""
        command = [str(PYTHON), "-m", "flask", "--app", "wsgi", *arguments]
        finished = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=False)
        if finished.returncode:
            raise RefusalError(f"`flask {' '.join(arguments)}` failed.", finished.returncode)
        return finished.stdout.decode().strip()

    def _welcome(self) -> None:
        link = self._flask("setup-link")
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise RefusalError(
                    f"AgentPress is not ready after {READY_SECONDS} s; the lines above say why.", 1
                )
            for part in self.parts:
                part.keep_alive()
            time.sleep(0.05)
        say(f"AgentPress runs at {self.configuration.address}" + (f" - claim it at {link}" if link else ""))

    def _is_ready(self) -> bool:
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        host = everywhere.get(self.configuration.host, self.configuration.host)
        connection = http.client.HTTPConnection(host, self.configuration.port, timeout=5)
        try:
            connection.request(
                "GET", "/readyz", headers={"Host": urlsplit(self.configuration.address).netloc}
            )
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            if self.postgres is not None and not self.postgres.is_running():
                say("PostgreSQL ended unexpectedly; starting it again.")
                try:
                    self.postgres.ensure()
                except EmbeddedError as error:
                    say(str(error))
            for part in self.parts:
                part.keep_alive()


def main() -> int:
    """The exit code: 0 when stopped by a signal, 2 for a mistake the operator can put right."""
    parser = argparse.ArgumentParser(description="Install AgentPress and run it.")
    parser.add_argument("action", nargs="?", choices=["run", "install"], default="run")
    parser.add_argument("--dev", action="store_true", help="install what tests and checks need, too")
    arguments = parser.parse_args()
    told = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup it outlives its terminal
        told.remove(signal.SIGHUP)
    for number in told:
        signal.signal(number, signal.default_int_handler)
    os.chdir(ROOT)
    try:
        install(DEVELOPMENT if arguments.dev else PRODUCT)
        if arguments.action == "run":
            Instance(Configuration.read()).run()
    except KeyboardInterrupt:
        say("AgentPress has stopped.")
    except (RefusalError, EmbeddedError) as refusal:
        print(refusal, file=sys.stderr)
        return getattr(refusal, "code", MISTAKE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
