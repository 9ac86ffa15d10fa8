"""A long-running process that is kept alive, and ended with whoever started it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .processes import die_with_parent, remember, terminate_leftover

STOP_SECONDS = 15
_STEADY_SECONDS = 60
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


@dataclass
class Part:
    """A process of the instance: started again when it ends, stopped with its whole group.

    `become` runs in the child before the program; `tell` gets a line for the operator.
    """

    name: str
    pid_file: Path
    command: Sequence[str]
    environment: dict[str, str]
    tell: Callable[[str], None]
    become: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    pause: float = field(default=_FIRST_PAUSE, init=False)
    changed_at: float = field(default=0.0, init=False)

    @contextlib.contextmanager
    def running(self) -> Iterator["Part"]:
        """Have it run inside the block."""
        terminate_leftover(self.pid_file, STOP_SECONDS)
        self._start()
        try:
            yield self
        finally:
            self._stop()

    def keep_alive(self) -> None:
        """See whether the process ended; start it again after a pause that grows while it keeps ending."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.changed_at + self.pause:
                self._start()
        elif self.has_ended():
            steady = now > self.changed_at + _STEADY_SECONDS
            self.pause = _FIRST_PAUSE if steady else min(self.pause * 2, _LONGEST_PAUSE)
            status = self._bury()
            self.tell(
                f"The {self.name} process ended (status {status}); it starts again in {self.pause:.0f} s."
            )

    def has_ended(self) -> bool:
        """Whether the process is dead, its number still being kept for us."""
        if self.process is None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=self._before_program,  # noqa: PLW1509 - nothing here runs threads
            start_new_session=True,
        )
        remember(self.pid_file, self.process.pid)
        self.changed_at = time.monotonic()

    def _before_program(self) -> None:
        if self.become is not None:
            self.become()
        die_with_parent(signal.SIGTERM)

    def _stop(self) -> None:
        if self.process is None:
            return
        os.kill(self.process.pid, signal.SIGTERM)  # Popen.terminate() would reap it and free its number
        deadline = time.monotonic() + STOP_SECONDS
        while not self.has_ended() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._bury()

    def _bury(self) -> int:
        """Kill what is left of the group while its number is still taken, then reap the process."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        self.changed_at = time.monotonic()
        self.pid_file.unlink(missing_ok=True)
        return code
