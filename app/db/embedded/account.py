"""Which account runs the servers, and how a root process becomes it.

PostgreSQL refuses to run as root. Started by root, it runs as an unprivileged account instead, which may be
unable to enter root's home directory: only then it keeps one capability, to pass directories.
The secure bit goes with it: without, the kernel ignores the capability in access(2), which PostgreSQL calls.
"""

import ctypes
import os
import pwd
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedError

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 28, 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_PREFERRED_ACCOUNTS = ("agentpress", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The user and group a server runs as."""

    uid: int
    gid: int

    def entering(self, *paths: Path) -> Callable[[], None] | None:
        """The `preexec_fn` that makes a child this account, able to reach `paths`; None if it is already."""
        if self.uid == os.geteuid():
            return None
        capability = None if all(_open_to_all(path) for path in paths) else _passing_capability()

        def become() -> None:
            os.setgroups([])
            if capability is not None:
                _control(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
            if capability is not None:
                _keep_only(capability)

        return become


def account_for(cluster: Path, owner: int) -> Account:
    """The account that runs the servers of `owner`'s instance; an existing cluster keeps its account.

    Raises EmbeddedError when another ordinary user's instance is asked for, or root finds no account to use.
    """
    uid = cluster.stat().st_uid if cluster.exists() else owner
    if os.geteuid() not in {0, uid}:
        raise EmbeddedError(f"{cluster.parent} belongs to user id {uid}: run the command as that user.")
    if uid:
        return Account(uid, _group_of(uid))
    for name in _PREFERRED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL cannot run as root, and no account agentpress, postgres or nobody exists: create one."
    )


def account_name(uid: int) -> str:
    """The name of a user id, which PostgreSQL needs; raises EmbeddedError when the system knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise EmbeddedError(
            f"User id {uid} has no name on this system (no line in /etc/passwd), and PostgreSQL needs one."
        ) from None


def _group_of(uid: int) -> int:
    return os.getegid() if uid == os.geteuid() else pwd.getpwuid(uid).pw_gid


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _passing_capability() -> int:
    """The weaker of the two capabilities that pass closed directories, as far as this process holds them."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    permitted = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if permitted >> capability & 1:
            return capability
    raise EmbeddedError(
        "PostgreSQL runs as an unprivileged account here, which cannot enter the directory of the data or of "
        "the program: move it out of a closed home directory, or start as an ordinary user."
    )


def _keep_only(capability: int) -> None:
    mask = 1 << capability
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("=6I", mask, mask, mask, 0, 0, 0)
    if _LIBC.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(sets)):
        raise OSError(ctypes.get_errno(), "capset")
    _control(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
    _control(_PR_SET_NO_NEW_PRIVS, 1)


def _control(option: int, first: int, second: int = 0) -> None:
    if _LIBC.prctl(option, first, second, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
