"""What runs for weeks carries nothing of what runs for a moment."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import FLASK
from tests.support.processes import Process
from tests.support.web import ROOT, clean_environment

SETTINGS = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "SECRET_KEY": "0f9c" * 5 + "a81b2d7e" * 3}
MOMENTARY = (
    *("alembic", "flask_migrate", "mako", "numpy", "tokenizers", "openai", "anthropic", "mcp"),
    *("pydantic_ai", "rich"),
    *("authlib", "cryptography.hazmat", "httpx", "httpx2"),
)
PAGES = ("app.routes", "app.auth.views", "app.api", "app.studio")
WEB = "import wsgi"
WORKER = "from app.commands import worker; worker.start_app(pages=False)"


@pytest.mark.parametrize(("start", "absent"), [(WEB, MOMENTARY), (WORKER, (*MOMENTARY, *PAGES))])
def test_a_server_loads_only_what_it_needs_at_rest(start, absent):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{start}\nimport sys; print([name for name in {absent} if name in sys.modules])",
        ],
        env=clean_environment(SETTINGS),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def worker(tmp_path):
    arguments = [*FLASK, "worker", "--queues", "default", "--concurrency", "3", "--answers", "2"]
    process = Process(arguments, tmp_path / "worker.log", clean_environment(SETTINGS), ROOT)
    yield process
    process.stop(signal.SIGKILL)


def test_the_command_becomes_the_process_that_the_product_starts(worker):
    def command() -> list[str]:
        return Path(f"/proc/{worker.pid}/cmdline").read_text().split("\0")[1:-1]

    worker.start(lambda: "app.commands.worker" in command())
    assert command()[2:] == ["--queues", "default", "--concurrency", "3", "--answers", "2"]
