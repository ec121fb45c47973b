"""A git worktree for each segment of a sweep: the committed files, DVC's configuration and cache, and the raw data of the project.

The caches in `.hindcast/` are not shared: each belongs to one run at a time, and what they would save is shared as outputs.
"""

from __future__ import annotations

import os
import shutil
from configparser import ConfigParser, Error
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.errors import HindcastError, SettingsError
from hindcast.pipeline.experiments.committed_state import Baseline, run_dvc, run_git, tracked_data
from hindcast.pipeline.files import replace_file

READY = "ready"
"""A file beside a worktree that is complete, so that its run can be continued."""

_LOCKS = (".dvc/tmp/rwlock", ".dvc/tmp/rwlock.lock", ".dvc/tmp/lock")  # what a killed DVC leaves
_LINKS = (
    "reflink,hardlink,copy"  # symbolic links, which DVC would use last, only where `cache.type` names them
)
_UP = "up"  # a folder between a worktree and its own folder, one for each `..` of an input
_KEY = 12  # digits


@dataclass(frozen=True)
class Needs:
    """What a worktree needs beside the committed files.

    `params` and `lock` are the texts of params.yaml and dvc.lock, `raw` is raw.path, `inputs` are all paths that stages depend on and
    none writes.
    """

    params: str
    lock: str | None
    raw: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Worktree:
    """A worktree: `folder` belongs to it alone, `project` is the project inside; `is_new` if no run has begun there."""

    folder: Path
    project: Path
    is_new: bool


@dataclass(frozen=True)
class SharedCache:
    """The DVC cache of a project: its folder, and the kinds of links by which worktrees use it."""

    folder: Path
    links: str

    @classmethod
    def of_project(cls, root: Path) -> SharedCache:
        """Ask DVC for its configuration; raises SettingsError with DVC's message if it is invalid."""
        done = run_dvc(root, "config", "--list")
        if done.returncode:
            raise SettingsError(
                "DVC cannot read its configuration.",
                [line for line in done.stderr.splitlines() if line.strip()],
            )
        found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return cls(root / found.get("cache.dir", ".dvc/cache"), found.get("cache.type", _LINKS))


@dataclass(frozen=True)
class Worktrees:
    """The worktrees of a sweep, below a folder."""

    baseline: Baseline
    folder: Path
    cache: SharedCache

    def open(self, key: str, needs: Needs) -> Worktree:
        """Return the worktree of a key: one in which a run that was stopped can continue, or a new one."""
        folder = self.folder / key[:_KEY]
        tree = folder.joinpath(*[_UP] * _steps_up(self.baseline, needs.inputs), "tree")
        project = tree / self.baseline.inner
        if (folder / READY).is_file() and _is_at(tree, self.baseline.revision):
            _remove_locks(tree, project)
            return Worktree(folder, project, is_new=False)
        self.remove(key)
        folder.mkdir(parents=True)
        words = ("worktree", "add", "--force", "--quiet", "--detach")
        run_git(self.baseline.top, *words, str(tree), self.baseline.revision)
        _write(project / "params.yaml", needs.params)
        if needs.lock is not None:
            _write(project / "dvc.lock", needs.lock)
        _write_configuration(self.baseline.root, project, self.cache)
        for path in needs.inputs:
            _link_input(self.baseline.root, project, path, with_untracked=path == os.path.normpath(needs.raw))
        return Worktree(folder, project, is_new=True)

    def remove(self, key: str) -> None:
        """Remove the worktree of a key, whatever state a killed run left it in."""
        self._remove(self.folder / key[:_KEY])

    def remove_others(self, keys: set[str]) -> int:
        """Remove the worktrees of all other keys; returns their number."""
        kept = {key[:_KEY] for key in keys}
        others = [each for each in sorted(self.folder.glob("*")) if each.name not in kept]
        for each in others:
            self._remove(each)
        return len(others)

    def _remove(self, folder: Path) -> None:
        listed = run_git(self.baseline.top, "worktree", "list", "--porcelain").splitlines()
        trees = [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        for tree in trees:
            if Path(tree).is_relative_to(folder.parent.resolve() / folder.name):
                with suppress(HindcastError):  # git has removed its note of the folder already
                    run_git(self.baseline.top, "worktree", "remove", "--force", "--force", tree)


def _is_at(tree: Path, revision: str) -> bool:
    try:
        return (tree / ".git").is_file() and run_git(tree, "rev-parse", "HEAD").strip() == revision
    except (HindcastError, OSError):
        return False


def _remove_locks(tree: Path, project: Path) -> None:
    for name in _LOCKS:
        (project / name).unlink(missing_ok=True)
    own = Path(run_git(tree, "rev-parse", "--absolute-git-dir").removesuffix("\n"))
    (own / "index.lock").unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    with replace_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def _write_configuration(root: Path, project: Path, cache: SharedCache) -> None:
    """Copy the project's `config.local`, with the project's cache, and links to it where no kind is configured."""
    parser = ConfigParser(interpolation=None, strict=False, default_section="", delimiters=("=",))
    path = root / ".dvc/config.local"
    try:
        parser.read(path, encoding="utf-8")
    except Error as fault:
        raise SettingsError(
            f"{path} cannot be copied into a worktree: write it as `dvc config --local` does.", [str(fault)]
        ) from None
    if not parser.has_section("cache"):
        parser.add_section("cache")
    parser.set("cache", "dir", str(cache.folder))
    parser.set("cache", "type", cache.links)
    with replace_file(project / ".dvc/config.local") as fresh, fresh.open("w", encoding="utf-8") as stream:
        parser.write(stream)


def _steps_up(baseline: Baseline, inputs: tuple[str, ...]) -> int:
    """Return how many folders above the git repository the inputs begin at most."""
    places = (os.path.normpath(baseline.inner / path) for path in inputs if not Path(path).is_absolute())
    return max((Path(place).parts.count("..") for place in places), default=0)


def _link_input(root: Path, project: Path, path: str, *, with_untracked: bool) -> None:
    """Make a path of the project exist in a worktree, at the same relative place, unless git or DVC brings it.

    Of a folder that git brings, the files that git does not have are linked if `with_untracked`.
    """
    if Path(path).is_absolute() or tracked_data(project, path):
        return
    source, target = Path(os.path.normpath(root / path)), Path(os.path.normpath(project / path))
    if not os.path.lexists(target):
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
    elif with_untracked and target.is_dir() and not target.is_symlink():
        for name in filter(None, run_git(root, "ls-files", "--others", "-z", "--", path).split("\0")):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).symlink_to(root / name)
