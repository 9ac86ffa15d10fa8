"""`python -m tests.support.calling_worker`: a worker whose tool `current_time` first tells a server of the test."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from app.commands.worker import work
from app.runtime.services.toolbox import Toolbox
from tests.support.processes import Process
from tests.support.web import ROOT, clean_environment

HERE = "tests.support.calling_worker"


class CallingWorker(Process):
    """Such a worker; `url` is where its calls are told."""

    def __init__(self, directory: Path, settings: Mapping[str, str], url: str) -> None:
        environment = clean_environment({**settings, "CALLED_URL": url})
        super().__init__([sys.executable, "-m", HERE], directory / "worker.log", environment, ROOT)

    def begin(self) -> None:
        self.start(lambda: True)


def _telling(toolbox: Toolbox, arguments: Mapping[str, Any], cited: list[dict[str, Any]]) -> Any:
    httpx2.post(os.environ["CALLED_URL"], json=dict(arguments), timeout=600, trust_env=False)
    return _PLAIN(toolbox, arguments, cited)


if __name__ == "__main__":
    _PLAIN = Toolbox._time
    Toolbox._time = _telling  # type: ignore[method-assign]
    work()
