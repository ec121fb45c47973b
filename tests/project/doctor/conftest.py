"""A project that lacks nothing, in which a test breaks one thing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_copy import git


@pytest.fixture
def sound(project: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `project` as a git and DVC repository in which nothing is wrong, with this environment on the PATH."""
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(root / name, project)
    (project / ".dvc").mkdir()
    shutil.copy(root / ".dvc/config", project / ".dvc")
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "config", "user.name", "A Tester")
    git(project, "config", "user.email", "tester@example.invalid")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "A project")
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(own), os.environ["PATH"]]))
    return project


@pytest.fixture(scope="session")
def other_disks() -> list[str]:
    """The beginning of a shell command with file systems of its own; skips where the system does not allow it."""
    words = ["unshare", "-r", "-m", "sh", "-c"]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no mount namespace")
    return words
