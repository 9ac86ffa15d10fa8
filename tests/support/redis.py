"""A throw-away Redis on a loopback port, kept in memory only."""

import signal
import tempfile
from pathlib import Path

from redis import Redis as Client

from tests.support import programs
from tests.support.processes import Process, free_port, listens


class Redis:
    """A server of its own; `start` may be called again after `stop` or `kill` and uses the same port."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="agentpress-redis-", ignore_cleanup_errors=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "databases": 1}
        self._process = Process(
            [
                programs.need("redis-server"),
                *(part for k, v in options.items() for part in (f"--{k}", str(v))),
            ],
            log=Path(self._directory.name, "redis.log"),
            directory=Path(self._directory.name),
        )

    def start(self) -> None:
        self._process.start(lambda: listens(self.port))

    def stop(self) -> None:
        self._process.stop(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections are accepted by the kernel and nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def client(self) -> Client:
        """Return a client for looking at what was stored."""
        return Client.from_url(self.url, socket_timeout=5)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def values(self) -> dict[str, bytes]:
        """Return every stored string by its key."""
        with self.client() as client:
            keys = [key for key in client.scan_iter() if client.type(key) == b"string"]
            return {key.decode(): client.get(key) or b"" for key in keys}

    def remove(self) -> None:
        self.stop()
        self._directory.cleanup()
