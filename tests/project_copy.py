"""A copy of the project in which commands run as a user would run them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


class ProjectCopy:
    """The project as it lies in the working tree, copied to `folder` and committed to a git repository of its own.

    Nothing that git ignores comes along: no data, no outputs, no DVC cache. Links stay links.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        for name in filter(
            None, git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        ):
            source, target = root / name, folder / name
            if source.is_file() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        git(folder, "init", "--quiet", "--initial-branch=main")
        _name_author(folder)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "The project under test")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`run("dvc", "repro")` runs `python -m dvc repro` in the copy; any exit code returns."""
        return run_in(self.folder, *words)

    def digests(self) -> dict[str, str]:
        """SHA-256 of every output by its path."""
        return output_digests(self.folder)


def clone(source: Path, folder: Path) -> Path:
    """A git clone of a project copy, with an author to commit as."""
    git(source.parent, "clone", "--quiet", str(source), str(folder))
    _name_author(folder)
    return folder


def run_in(
    folder: Path, *words: str, timeout: float = 540, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m WORDS` in a copy or clone, by its own code, for `timeout` seconds at most; any exit code returns.

    `variables` are added to those of the environment.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def output_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below data/, reports/ and models/ by its path."""
    files = [
        path for top in ("data", "reports", "models") for path in (folder / top).rglob("*") if path.is_file()
    ]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; return what it prints, or raise CalledProcessError."""
    # `safe.directory`: the checkout may belong to another user than the one who tests
    command = ["git", "-c", f"safe.directory={folder}", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _name_author(folder: Path) -> None:
    git(folder, "config", "user.name", "A Tester")
    git(folder, "config", "user.email", "tester@example.invalid")
