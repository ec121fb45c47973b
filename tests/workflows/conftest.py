"""The wheel of the project, and an environment that holds it without its source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_copy import ProjectCopy
from tests.wheel_environment import make_environment


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the project as it lies in the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    ProjectCopy(folder / "source", root)
    command = [
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(folder / "source"),
    ]
    subprocess.run([sys.executable, "-m", *command], check=True, timeout=300)
    (made,) = folder.glob("hindcast-*.whl")
    return made


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel, with the libraries of this one; its interpreter."""
    return make_environment(tmp_path_factory.mktemp("environment"), str(wheel))
