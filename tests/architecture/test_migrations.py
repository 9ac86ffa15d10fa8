"""One line of numbered migrations, the last one named in a file so that two branches conflict visibly."""

import re

from alembic.script import ScriptDirectory

from tests.architecture.source import ROOT

MIGRATIONS = ROOT / "migrations"


def test_one_head_and_it_is_named():
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [(MIGRATIONS / "HEAD").read_text(encoding="utf-8").strip()]


def test_files_are_numbered_without_gap():
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("*.py"))
    numbers = [int(match[1]) for name in names if (match := re.match(r"(\d{4})_\w+\.py$", name))]
    assert numbers == list(range(1, len(names) + 1))
