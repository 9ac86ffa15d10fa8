"""Instances in directories whose names are as unkind as real ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.embedded.places import Places


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data of an instance"
    yield path
    shutil.rmtree(Places.of(path).runtime, ignore_errors=True)
