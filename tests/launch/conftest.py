"""Instances in directories whose names are as unkind as real ones."""

from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data of an instance"
