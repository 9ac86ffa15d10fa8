"""The command line of the product, run as a program."""

import subprocess
import sys
from collections.abc import Mapping

from tests.support.web import ROOT, clean_environment

FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


def flask(
    settings: Mapping[str, str], *arguments: str, given: str | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `flask --app wsgi …` on these settings and return what it said."""
    return subprocess.run(
        [*FLASK, *arguments],
        env=clean_environment(settings),
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def start_flask(settings: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start `flask --app wsgi …` and return at once."""
    environment = clean_environment(settings)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*FLASK, *arguments], env=environment, cwd=ROOT, **pipes)
