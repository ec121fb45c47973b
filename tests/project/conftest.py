"""A project in a folder of its own: `conf/` and `params.yaml`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A folder with copies of this repository's `conf/` and `params.yaml`; its name has a space."""
    folder = tmp_path / "a project"
    shutil.copytree(root / "conf", folder / "conf")
    shutil.copy(root / "params.yaml", folder)
    return folder
