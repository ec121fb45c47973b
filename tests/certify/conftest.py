"""The data set of `small_data`, made once, and a copy to spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.certify.small_data import frames, settings
from tests.split.workplace import make_data


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set without faults; it must not be changed."""
    return make_data(tmp_path_factory.mktemp("clean"), frames(), settings())


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(clean, tmp_path / "data")
