"""Outputs of commits and DVC experiments, read where DVC's cache has them. Nothing in the workspace is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.wording import listed

_SHORT = 7  # digits of a commit


@dataclass(frozen=True)
class CachedOutput:
    """An output in DVC's cache: the path of its object, which is a list of files if the output is a folder, and that of any object."""

    path: Path
    is_folder: bool
    path_of: Callable[[str], str]

    def files(self) -> dict[str, Path] | None:
        """Return the paths in the cache by the paths below a folder, of a file by `.`; None if the cache lacks the list."""
        if not self.is_folder:
            return {".": self.path}
        if not self.path.is_file():
            return None
        entries = json.loads(self.path.read_bytes())
        return {entry["relpath"]: Path(self.path_of(entry["md5"])) for entry in entries}


@dataclass(frozen=True)
class Revision:
    """A commit: its id, the name by which it was asked for, whether that is the name of an experiment, and its outputs by path.

    Outputs that no run of the commit's dvc.lock made are None.
    """

    name: str
    commit: str
    is_experiment: bool
    outputs: Mapping[str, CachedOutput | None]

    @property
    def label(self) -> str:
        """What it is, in words."""
        kind = "experiment" if self.is_experiment else "commit"
        short = self.commit[:_SHORT]
        return f"commit {short}" if self.commit.startswith(self.name) else f"{kind} {self.name} ({short})"

    def file(self, output: str, below: str = ".") -> Path:
        """Return the path in DVC's cache of an output, or of the file `below` an output that is a folder.

        Raises MissingInputError, with a remedy, if the revision has no such output or the cache lacks it.
        """
        found = self.outputs.get(output)
        if found is None:
            raise MissingInputError(
                f"{self.label} has no {output}: no run of it was recorded in its dvc.lock. Run it (`dvc repro`) and commit dvc.lock, or "
                "name another one."
            )
        files = found.files()
        if files is not None and below not in files:
            raise MissingInputError(f"{self.label} has no {output}/{below}.")
        if files is None or not files[below].is_file():
            raise MissingInputError(self._not_in_cache(output))
        return files[below]

    def cached_below(self, folder: str) -> Iterator[tuple[str, Path]]:
        """Yield the files below a folder that DVC tracks and its cache has: the path below the folder, and the path in the cache."""
        for output, found in self.outputs.items():
            is_related = f"{output}/".startswith(f"{folder}/") or folder.startswith(f"{output}/")
            for file, path in (found.files() or {} if found is not None and is_related else {}).items():
                name = output if file == "." else f"{output}/{file}"
                if name.startswith(f"{folder}/") and path.is_file():
                    yield name.removeprefix(f"{folder}/"), path

    def _not_in_cache(self, output: str) -> str:
        fetch = (
            f"`dvc exp pull <git remote> {self.name}`"
            if self.is_experiment
            else f"`dvc fetch --all-commits {output}`"
        )
        return f"{self.label}: DVC's cache does not have its {output}. Get it: {fetch} (it fetches into the cache only, not into the workspace)."


class Revisions:
    """The revisions of the DVC project at `root`, which is in a git repository.

    Raises MissingInputError if there is no such project.
    """

    def __init__(self, root: Path) -> None:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            self._repo = Repo(str(root))
        except DvcException as fault:
            raise MissingInputError(
                f"{root.absolute()} is no DVC project, so it has no commits or experiments to read ({fault}): run the command in a "
                "project, or name folders."
            ) from None
        if not hasattr(self._repo.scm, "resolve_rev"):
            raise MissingInputError(
                f"{root.absolute()} is in no git repository, so it has no commits or experiments: name folders, or run `git init`."
            )

    def close(self) -> None:
        """Close DVC's handles."""
        self._repo.close()

    def find(self, name: str) -> Revision:
        """Return a revision by the name of a commit, branch, tag or experiment.

        Raises MissingInputError if there is none of this name, with the reason as far as it is known, and FormatError if its dvc.yaml cannot
        be read.
        """
        from dvc.exceptions import DvcException
        from dvc.scm import RevError, resolve_rev

        try:
            commit = resolve_rev(self._repo.scm, name)
        except RevError:
            raise MissingInputError(self._unknown_text(name)) from None
        try:
            with self._at(commit):
                outputs = {self._path_of(out): _cached(out) for out in self._repo.index.outs}
        except DvcException as fault:
            raise FormatError(f"The dvc.yaml of {name} cannot be read: {fault}") from None
        return Revision(name, commit, name in self._experiments, outputs)

    def text(self, commit: str, path: str) -> str | None:
        """Return the text of a file that git has in a commit; None if it has none there."""
        with self._at(commit):
            place = self._repo.fs.join(self._repo.root_dir, *PurePosixPath(path).parts)
            if not self._repo.fs.isfile(place):
                return None
            with self._repo.fs.open(place, mode="r", encoding="utf-8") as stream:
                return str(stream.read())

    @contextmanager
    def _at(self, commit: str) -> Iterator[None]:
        from dvc.repo.brancher import switch

        with switch(self._repo, commit):
            yield

    def _path_of(self, out: Any) -> str:
        path = str(out.fs_path)
        if out.fs != self._repo.fs and "://" in path:
            return path
        return str(self._repo.fs.relpath(path, self._repo.root_dir)).replace("\\", "/")

    @cached_property
    def _experiments(self) -> set[str]:
        from dvc.repo.experiments.utils import exp_refs

        return {str(ref.name) for ref in exp_refs(self._repo.scm)}

    def _unknown_text(self, name: str) -> str:
        for state, names, remedy in self._unfinished():
            if name in names:
                return f"Experiment {name} {state}, so it has no outputs to read: {remedy.format(name=name)}."
        known = [*sorted(self._experiments), *self._repo.scm.list_branches(), *self._repo.scm.list_tags()]
        close = get_close_matches(name, known, 1, 0.6)
        hint = f" Did you mean {close[0]}?" if close else ""
        return (
            f"{name} is no folder with outputs, commit, branch, tag or experiment.{hint} Experiments: {listed(sorted(self._experiments), 20)}. Those "
            f"of somebody else: `dvc exp pull <git remote> {name}`."
        )

    def _unfinished(self) -> Iterator[tuple[str, set[str], str]]:
        """Yield a state of experiments without results, their names and ids, and the remedy."""
        queue = self._repo.experiments.celery_queue

        def failed() -> Iterator[Any]:
            for done in queue.iter_failed():
                yield done.entry

        states: tuple[tuple[str, Callable[[], Iterator[Any]], str], ...] = (
            ("failed", failed, "`dvc queue logs {name}` shows why"),
            ("is queued", queue.iter_queued, "`dvc queue start` runs it"),
            ("is running", queue.iter_active, "wait until it ends (`dvc queue status`)"),
        )
        for state, entries, remedy in states:
            names: set[str] = set()
            for entry in entries():
                names |= {str(entry.stash_rev), str(entry.stash_rev)[:_SHORT], *filter(None, [entry.name])}
            yield state, names, remedy


def _cached(out: Any) -> CachedOutput | None:
    if not out.hash_info or not out.is_in_repo:
        return None
    path_of = out.cache.oid_to_path
    return CachedOutput(Path(path_of(out.hash_info.value)), bool(out.hash_info.isdir), path_of)
