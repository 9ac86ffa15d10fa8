"""What reads and embeds is loaded by the first task or search that needs it."""

import subprocess
import sys

from tests.support.web import ROOT

HEAVY = ("numpy", "tokenizers", "semantic_text_splitter", "openpyxl", "pypdfium2", "lxml")


def test_the_web_process_and_an_idle_worker_load_no_model():
    loading = (
        "import app.routes, app.handlers, app.tasks.worker.process, app.knowledge.services.queueing, sys"
    )
    asked = f"{loading}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
