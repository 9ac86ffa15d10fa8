"""A child process of the tests: started, watched, signalled and stopped by its own id."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
POLL_SECONDS = 0.02


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = 10, what: str = "the condition") -> None:
    """Poll until the condition holds; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"{what} did not come true within {seconds} s"
            raise TimeoutError(message)
        time.sleep(POLL_SECONDS)


def listens(port: int) -> bool:
    """Tell whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _die_with_parent() -> None:
    """Ask Linux to end this child when the test process dies, whatever the way."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Process:
    """One program with its arguments, environment and log file; it can be started again after it ended."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        become: Callable[[], None] | None = None,
    ) -> None:
        self.arguments = list(arguments)
        self.log = log
        self.environment = dict(environment) if environment is not None else dict(os.environ)
        self.directory = directory
        self._become = become
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError("the process was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._child.poll() if self._child else None

    def start(self, ready: Callable[[], object], seconds: float = 30) -> None:
        """Start it and wait until ready; raises RuntimeError with the log's tail when it ends before."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self.environment,
                preexec_fn=self._enter,  # noqa: PLW1509 - system calls only, safe after a fork
            )

        def settled() -> bool:
            if not self.running:
                raise RuntimeError(f"{self.arguments[0]} ended with {self.code}:\n{self.output()[-2000:]}")
            return bool(ready())

        wait_until(settled, seconds, f"{self.arguments[0]} being ready")

    def _enter(self) -> None:
        """Become another account where one was given; only afterwards, as that forgets the wish to die."""
        if self._become:
            self._become()
        _die_with_parent()

    def output(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number: int) -> None:
        """Send the signal to the process alone."""
        if self._child and self.running:
            self._child.send_signal(number)

    def send_all(self, number: int) -> None:
        """Send the signal to the process and all its descendants."""
        if not self.running:
            return
        root = psutil.Process(self.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    def pause(self) -> None:
        """Freeze the process and its descendants (SIGSTOP): they hold their sockets and answer nothing."""
        self.send_all(signal.SIGSTOP)

    def resume(self) -> None:
        self.send_all(signal.SIGCONT)

    def kill(self) -> None:
        """End the process and its descendants by SIGKILL."""
        self.send_all(signal.SIGKILL)
        self.wait(10)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> None:
        """End it by the signal, by SIGKILL when that takes too long."""
        self.resume()
        self.send(number)
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self, seconds: float) -> int | None:
        return self._child.wait(seconds) if self._child else None
