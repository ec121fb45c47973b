"""The commit that a sweep starts from: what git has, and what it lacks, since a worktree contains what is committed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.errors import HindcastError, MissingInputError
from hindcast.pipeline.settings.strict_yaml import first_faults

_NEEDED = ("dvc.yaml", ".dvc/config", "conf/config.yaml")
_REPLACED = {"params.yaml", "dvc.lock"}  # a sweep writes them itself in each worktree
_OF_PEOPLE = ("conf", "networks")  # folders in which a new file is meant for the next run


@dataclass(frozen=True)
class Baseline:
    """A project at a commit: `root`, its folder; `top`, that of its git repository; `revision`, the commit that is checked out."""

    root: Path
    top: Path
    revision: str

    @property
    def inner(self) -> Path:
        """The project's folder inside a worktree, relative to it."""
        return self.root.relative_to(self.top)


def run_git(folder: Path, *words: str) -> str:
    """Run git in a folder, without hooks, and return what it prints; raises HindcastError with git's own message."""
    command = ["git", "-c", "core.hooksPath=/dev/null", *words]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    except FileNotFoundError:
        raise MissingInputError("git was not found: install it and run the command again.") from None
    if done.returncode:
        raise HindcastError(
            f"git {words[0]} failed.", [line for line in done.stderr.splitlines() if line.strip()]
        )
    return done.stdout


def read_baseline(root: Path) -> Baseline:
    """Return the commit that is checked out in a project's folder.

    Raises MissingInputError, with a remedy, where there is no git repository, no commit, or a commit without what DVC needs.
    """
    root = root.resolve()
    for name in _NEEDED:
        if not (root / name).is_file():
            raise MissingInputError(
                f"{name} was not found: run the command in the folder of a project, which contains conf/ and dvc.yaml and is a "
                "repository of git and DVC (git init, dvc init)."
            )
    try:
        top = Path(run_git(root, "rev-parse", "--show-toplevel").removesuffix("\n")).resolve()
        revision = run_git(root, "rev-parse", "--verify", "HEAD").strip()
    except MissingInputError:
        raise
    except HindcastError as fault:
        raise MissingInputError(
            "The project must be a git repository with a commit: git init, git add --all, git commit.",
            fault.faults,
        ) from None
    known = set(_names(run_git(root, "ls-files", "-z", "--", *_NEEDED)))
    if missing := [name for name in _NEEDED if name not in known]:
        raise MissingInputError(
            f"git does not have {', '.join(missing)}, which every run needs: git add {' '.join(missing)}, then commit."
        )
    return Baseline(root, top, revision)


def refuse_uncommitted(baseline: Baseline, code: Iterable[str], data: Iterable[str]) -> None:
    """Raise HindcastError with every file that the worktrees would lack: tracked files with changes, new ones in conf/, networks/ and
    `code`, the other paths that stages depend on.

    Not counted are params.yaml and dvc.lock, which a sweep writes itself, and texts (`*.md`), which no run reads. Those of the paths
    `data` that DVC tracks must be as their `.dvc` files say.
    """
    faults = []
    for line in _names(
        run_git(baseline.root, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames")
    ):
        state, path = line[:2], baseline.top / line[3:]
        name = path.relative_to(baseline.root).as_posix() if path.is_relative_to(baseline.root) else line[3:]
        if name not in _REPLACED and path.suffix != ".md":
            faults.append(f"{name}: {'removed' if 'D' in state else 'added' if 'A' in state else 'changed'}")
    inside = [path for path in code if not Path(path).is_absolute() and ".." not in Path(path).parts]
    new = run_git(
        baseline.root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_OF_PEOPLE, *inside
    )
    faults += [f"{name}: new" for name in _names(new)]
    if faults:
        raise HindcastError(
            "A sweep runs what is committed, and git does not have these changes: commit them (git add, git commit), or put them "
            "aside (git stash --include-untracked).",
            first_faults(faults),
        )
    tracked = sorted({file for path in data if (file := tracked_data(baseline.root, path))})
    if stale := [name for name in tracked if _has_changed(baseline.root, name)]:
        raise HindcastError(
            f"A sweep uses data as their .dvc files say, and these have changed since: {', '.join(stale)}. To use them as they "
            f"are: dvc add {' '.join(name.removesuffix('.dvc') for name in stale)}, then commit. To go back: dvc checkout"
        )


def tracked_data(root: Path, path: str) -> str | None:
    """Return the `.dvc` file that describes a relative path or a folder above it."""
    place = Path(path)
    around = (place, *place.parents) if not place.is_absolute() and ".." not in place.parts else ()
    files = (each.with_name(f"{each.name}.dvc") for each in around if each.name)
    return next((file.as_posix() for file in files if (root / file).is_file()), None)


def run_dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in a project's folder; any exit code returns."""
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words


def _has_changed(root: Path, file: str) -> bool:
    """Return whether data that are here differ from their `.dvc` file."""
    return (root / file.removesuffix(".dvc")).exists() and run_dvc(
        root, "status", "--quiet", file
    ).returncode == 1


def _names(text: str) -> Sequence[str]:
    return [name for name in text.split("\0") if name]
