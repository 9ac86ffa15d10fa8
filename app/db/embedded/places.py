"""Where an instance keeps what: the data directory, and a short runtime directory for its sockets.

A Unix socket's path must stay under 108 bytes, so sockets live in `/tmp/agentpress-<uid>/<hash of the data
directory's path>`. It depends on nothing but the data directory and its owner: the environment of a cron job
must not lead elsewhere than that of a terminal.
"""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .errors import EmbeddedError

RUNTIME_ROOT = Path("/tmp")  # noqa: S108 - every level below is checked for owner and mode before use
DATABASE = "agentpress"
ROLE = "agentpress"


@dataclass(frozen=True)
class Places:
    """The paths of one instance."""

    data_dir: Path
    owner: int

    @classmethod
    def of(cls, data_dir: Path) -> "Places":
        """The places of this data directory, which need not exist yet; its owner owns the instance."""
        path = Path(os.path.realpath(data_dir))
        owner = path.stat().st_uid if path.exists() else os.geteuid()
        return cls(path, owner)

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory."""
        return self.data_dir / "postgresql"

    @property
    def run(self) -> Path:
        """Lock and pid files."""
        return self.data_dir / "run"

    @property
    def runtime(self) -> Path:
        """What a restart of the machine may wipe."""
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return RUNTIME_ROOT / f"agentpress-{self.owner}" / name

    @property
    def sockets(self) -> Path:
        """The directory of the sockets, open to the servers' account alone (and to root)."""
        return self.runtime / "sockets"

    def create_data_dir(self) -> None:
        """Create the data directory, as far as it is missing; raises EmbeddedError when that is impossible."""
        for path in (self.data_dir, self.run):
            try:
                path.mkdir(parents=True, exist_ok=True, mode=0o711)
            except OSError as error:
                raise EmbeddedError(f"DATA_DIR: {path} cannot be used: {error.strerror}.") from None
            give(path, self.owner)

    def create_runtime(self, server_account: int) -> None:
        """Create the runtime directory, and check what is there; raises EmbeddedError when it is not ours alone."""
        private_directory(self.runtime.parent, self.owner, 0o711)
        private_directory(self.runtime, self.owner, 0o711)
        private_directory(self.sockets, server_account, 0o700)


def private_directory(path: Path, owner: int, mode: int) -> None:
    """Make sure that `path` is a real directory that `owner` alone can write; raises EmbeddedError."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=mode)
    found = path.lstat()
    ours = found.st_uid in {owner, os.geteuid()}
    if not ours or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise EmbeddedError(
            f"{path} is not a directory that only its owner can change; remove it and start again."
        )
    path.chmod(mode)
    give(path, owner)


def give(path: Path, owner: int) -> None:
    """Hand a path over to its owner; raises EmbeddedError where this process may not, even as root."""
    try:
        if path.stat().st_uid != owner:
            os.chown(path, owner, -1, follow_symlinks=False)
    except PermissionError:
        raise EmbeddedError(
            f"{path} cannot be given to user id {owner}: start as an ordinary user, or as a root that may chown."
        ) from None


def database_url(data_dir: Path) -> str:
    """The URL of the embedded database of this data directory; touches no server."""
    return f"postgresql+psycopg://{ROLE}@/{DATABASE}?host={quote(str(Places.of(data_dir).sockets))}"


def redis_url(data_dir: Path) -> str:
    """The URL of the private Redis of this data directory; touches no server."""
    return f"unix://{quote(str(redis_socket(data_dir)))}"


def redis_socket(data_dir: Path) -> Path:
    """The socket of the private Redis."""
    return Places.of(data_dir).sockets / "redis.sock"
