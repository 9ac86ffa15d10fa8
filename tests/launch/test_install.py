"""From a bare copy to a running product, the way an operator gets there."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launch.instance import ROOT, Instance

pytestmark = pytest.mark.conformance
INSTALL_SECONDS = 400
NOT_COPIED = (".*", "__pycache__", "instance", "vendor", "build")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a space in its name, whose parents everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="agentpress launch "))
    yield path
    shutil.rmtree(path)


def copy_product(place: Path) -> Path:
    copy = place / "the product"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (place / "home").mkdir()
    return copy


def test_a_bare_copy_in_a_closed_directory_starts_even_after_a_kill(place: Path) -> None:
    place.chmod(0o700)
    copy = copy_product(place)
    instance = Instance(copy / "instance", root=copy, HOME=str(place / "home"))
    for seconds in (1, 6):
        instance.process.start(lambda: True)
        time.sleep(seconds)
        instance.process.kill()
    began = time.monotonic()
    instance.start(INSTALL_SECONDS)
    print(f"from nothing to ready: {time.monotonic() - began:.1f} s")  # noqa: T201
    instance.remember("kept")
    instance.process.stop(seconds=60)
    with instance:
        assert instance.facts() == ["kept"]
    assert instance.process.output().count("Installing requirements.txt") <= 2


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another account takes root")
def test_an_ordinary_user_can_run_it(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    copy = copy_product(place)
    for path in (place, *place.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    instance = Instance(copy / "instance", root=copy, HOME=str(place / "home"), account=nobody)
    instance.start(INSTALL_SECONDS)
    assert instance.places.data_dir.stat().st_uid == nobody.pw_uid
    command = [str(copy / ".venv/bin/python"), "-m", "flask", "--app", "wsgi", "db", "current"]
    asked = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    instance.process.stop(seconds=60)
    assert instance.living() == []
