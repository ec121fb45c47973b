"""The raw files of a run, found again by their digests: in their folder, or in DVC's cache, which keeps older versions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import HindcastError, MissingInputError
from hindcast.pipeline.experiments.dvc_revisions import Revisions
from hindcast.pipeline.experiments.git_reads import commits_of
from hindcast.pipeline.wording import counted

SIMULATED = Path("data/simulated")  # what the stage simulate writes
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z")


@dataclass(frozen=True)
class RawSource:
    """Where raw files may lie: the folder, and the project whose DVC cache may have other versions of its files."""

    folder: Path | None
    project: Path
    tracked: str  # raw.path relative to the project, if DVC may track it


def is_simulated(settings: Mapping[str, Any]) -> bool:
    """Return whether the stage `simulate` makes the raw files of these settings."""
    path = Path(os.path.normpath(settings["raw"]["path"]))
    return bool(settings.get("simulate", {}).get("sets")) and path == SIMULATED


def find_raw_files(recorded: Mapping[str, Mapping[str, str]], source: RawSource) -> dict[str, Path]:
    """Return a file with the recorded contents for each raw file, by its path below raw.path.

    `recorded` has the digests by source and path; the member of an archive stands for its archive. Raises MissingInputError that names the
    first file (in the order of sources and files) that is nowhere found with its contents; nothing is written before.
    """
    kept, digests, found, faults = _KeptVersions(source), FileDigests(), dict[str, Path](), list[str]()
    checked: dict[Path, str] = {}

    def digest(path: Path) -> str:
        if path not in checked:
            checked[path] = digests.compute(path)
        return checked[path]

    for name, (owner, due) in _files_on_disk(recorded, source.folder).items():
        path = None if source.folder is None else source.folder / name
        if path is not None and path.is_file() and digest(path) == due:
            found[name] = path
            continue
        older = next((version for version in kept.of(name) if digest(version) == due), None)
        if older is not None:
            found[name] = older
            continue
        what = "has other contents than in this run" if path is not None and path.is_file() else "is missing"
        faults.append(f"{owner}: {name} {what} (recorded digest {due[:12]}...)")
    if faults:
        raise MissingInputError(
            f"The raw files are not those of this run: of {counted(len(found) + len(faults), 'file')} {len(faults):,} "
            f"{'differs' if len(faults) == 1 else 'differ'} below {source.folder or source.tracked}, and DVC's cache has no version with the recorded "
            "contents. Nothing was run. Name the folder of the files with --raw FOLDER, or get them (`dvc fetch --all-commits`).",
            faults[:1],
        )
    return found


def place_raw_files(files: Mapping[str, Path], folder: Path) -> None:
    """Make links to raw files, or copies where the system has no links, at their paths below an absent folder."""
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(path.resolve())
        except OSError:  # a system without links
            shutil.copyfile(path, target)


def _files_on_disk(
    recorded: Mapping[str, Mapping[str, str]], folder: Path | None
) -> dict[str, tuple[str, str]]:
    """Return (source, digest) by path below raw.path, with the path of its archive for a member."""
    return {
        _outer_name(name, folder): (source, digest)
        for source, files in recorded.items()
        for name, digest in files.items()
    }


def _outer_name(name: str, folder: Path | None) -> str:
    """Return the path of the file that holds a recorded file: itself, or the archive of which it is a member."""
    if folder is not None and (folder / name).exists():
        return name
    for parent in reversed(PurePosixPath(name).parents[:-1]):
        if parent.suffix.lower() in _ARCHIVES and (folder is None or not (folder / parent).is_dir()):
            return parent.as_posix()
    return name


class _KeptVersions:
    """The versions of raw files in DVC's cache, from all commits that changed the `.dvc` file of the folder."""

    def __init__(self, source: RawSource) -> None:
        self._source = source

    def of(self, name: str) -> Iterator[Path]:
        """Yield the cached versions of a file, by its path below raw.path."""
        yield from self._versions.get(name, [])

    @cached_property
    def _versions(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        try:
            revisions = Revisions(self._source.project)
        except HindcastError:  # no project: then there are no older versions
            return found
        try:
            for commit in commits_of(self._source.project, *_dvc_files(self._source.tracked)):
                for name, path in revisions.find(commit).cached_below(self._source.tracked):
                    found.setdefault(name, []).append(path)
        finally:
            revisions.close()
        return {name: list(dict.fromkeys(paths)) for name, paths in found.items()}


def _dvc_files(tracked: str) -> list[str]:
    """Return the `.dvc` files by which a folder, a folder above it or files in it may be tracked, as git's patterns."""
    above = [path.as_posix() for path in PurePosixPath(tracked).parents if path.name]
    return [*(f"{path}.dvc" for path in (tracked, *above)), f":(glob){tracked}/**/*.dvc"]
