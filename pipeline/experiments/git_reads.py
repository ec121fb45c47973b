"""What git has in the commits of a project; nothing is changed."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_bytes(project: Path, *words: str) -> bytes | None:
    """Return what git prints in a project's folder, or None if it fails or there is no git."""
    try:
        done = subprocess.run(["git", *words], cwd=project, capture_output=True, check=False)  # noqa: S603, S607  # git on the PATH
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def git_lines(project: Path, *words: str) -> list[str]:
    """Return the lines that git prints, none if it fails."""
    return (git_bytes(project, *words) or b"").decode(errors="replace").splitlines()


def git_file(project: Path, commit: str, name: str) -> bytes | None:
    """Return a file of the project in a commit; None if it has none there."""
    return git_bytes(project, "show", f"{commit}:./{name}")


def commits_of(project: Path, *paths: str) -> list[str]:
    """Return all commits that changed one of some paths or patterns, newest first, also those of experiments."""
    return git_lines(project, "log", "--all", "--format=%H", "--", *paths)
