"""Processes remembered across restarts: a pid is trusted only with the start time the kernel gave it."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def started_at(pid: int) -> str | None:
    """A mark of this very process (boot id and start time), or None when there is no such living process."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else f"{boot}/{fields[19]}"


def command_line(pid: int) -> list[str]:
    """The arguments a living process was started with; empty when there is none."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []


def remember(pid_file: Path, pid: int) -> None:
    """Write the pid and its mark."""
    pid_file.write_text(f"{pid} {started_at(pid)}\n", encoding="ascii")


def recall(pid_file: Path) -> int | None:
    """The pid in the file, if that very process still lives."""
    try:
        pid, mark = pid_file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return int(pid) if pid.isdigit() and started_at(int(pid)) == mark else None


def terminate_leftover(pid_file: Path, patience: float) -> bool:
    """Stop the remembered process and its group, first politely; True if there was one."""
    pid = recall(pid_file)
    if pid is None:
        pid_file.unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while recall(pid_file) == pid:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            deadline += patience
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)
    return True


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when its parent dies; for use between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
