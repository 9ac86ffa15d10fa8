"""What the web process does not load."""

import subprocess
import sys

HEAVY = [
    "tokenizers", "semantic_text_splitter", "pypdfium2", "mammoth", "pptx", "openpyxl", "markdownify",
    "bs4", "lxml", "PIL",
]  # fmt: skip


def test_a_started_application_has_loaded_none_of_the_heavy_packages():
    script = f"import sys, app, app.routes, app.handlers; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
