"""The real web process and worker on a given environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2

from tests.support.processes import Process, free_port

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings plus the few variables a program needs; nothing else of the caller's leaks in."""
    return {**{name: os.environ[name] for name in KEPT if name in os.environ}, **settings}


class Web(Process):
    """gunicorn as the product starts it, on a port of its own."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.port = int(settings.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "wsgi:app"]
        options = [
            "--worker-class",
            "gthread",
            "--workers",
            "1",
            "--threads",
            "100",
            "--graceful-timeout",
            "5",
        ]
        options += ["--limit-request-line", "8190", "--no-control-socket", "--forwarded-allow-ips", ""]
        environment = clean_environment({"BASE_URL": self.url, "PORT": str(self.port), **settings})
        super().__init__([*command, *options], directory / "web.log", environment, ROOT)

    def begin(self) -> None:
        """Start it and wait until it answers its liveness check."""
        self.start(self._alive, 60)

    def _alive(self) -> bool:
        try:
            return (
                httpx2.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == httpx2.codes.OK
            )
        except httpx2.TransportError:
            return False


class Worker(Process):
    """A worker as the product starts it; `flask worker` becomes the same process."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "app.commands.worker"]
        super().__init__(command, directory / "worker.log", clean_environment(settings), ROOT)

    def begin(self) -> None:
        self.start(lambda: True)
