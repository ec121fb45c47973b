"""Digests of files: SHA-256, remembered while device, inode, size and times of a file stay the same; digests of folders."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import (
    digest_of_file,
    digest_of_value,
    read_json,
    remove_path,
    replace_file,
    write_json,
)

DIGEST_CACHE = Path(".hindcast/cache/digests.json")
FOLDER_DIGESTS = "digests.json"
_FORMAT = "hindcast-digests/1"
_MOST_STAMPS = 200_000
_SETTLED = 2_000_000_000  # ns: a second change within this time may leave the file's times equal

_warned: set[Path] = set()

Stamp = list[int]
"""Size, time of modification, time of change, inode, device: while these are the same, a file counts as unchanged."""


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of the file at a path."""
    return stamp_from(path.stat())


def stamp_from(status: os.stat_result) -> Stamp:
    """Return the stamp of an open file from its status."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


def is_settled(stamp: Stamp) -> bool:
    """Return whether a change from now on is certain to give the file another stamp."""
    return time.time_ns() - max(stamp[1:3]) >= _SETTLED


class FileDigests:
    """SHA-256 of files, computed again only if the stamp of a file has changed; threads may share it.

    `save` writes them for later runs to the file `path`, if there is one; it may be removed at any time.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._old = _read_stamps(path) if path else {}
        self._new: dict[str, list[Any]] = {}
        self._own: dict[Path, str] = {}

    @classmethod
    def of_workspace(cls, root: Path) -> FileDigests:
        """Return the digests of the workspace at `root`."""
        return cls(root / DIGEST_CACHE)

    @classmethod
    def around(cls, dataset: Path) -> FileDigests | None:
        """Return the digests of the workspace in which `data/dataset.h5` lies; None if it does not lie in one."""
        root = dataset.absolute().parent.parent
        return cls.of_workspace(root) if (root / DIGEST_CACHE.parts[0]).is_dir() else None

    def digest(self, path: Path) -> str:
        """Return the digest of a file."""
        return self.find(path) or self.compute(path)

    def compute(self, path: Path) -> str:
        """Return the digest of a file, computed from its bytes."""
        with path.open("rb") as stream:
            before = stamp_from(os.fstat(stream.fileno()))
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            is_same = stamp_from(os.fstat(stream.fileno())) == before
        return self.record(path, before, digest) if is_same else digest

    def digest_all(self, paths: Iterable[Path], pool: Executor | None = None) -> dict[Path, str]:
        """Return the digests of several files; files that must be read are read in parallel."""
        known = {path: self.find(path) for path in paths}
        computed = self.compute_all([path for path, digest in known.items() if digest is None], pool)
        return {path: digest or computed[path] for path, digest in known.items()}

    def compute_all(self, paths: Iterable[Path], pool: Executor | None = None) -> dict[Path, str]:
        """Return the digests of several files, computed from their bytes in parallel."""
        wanted = list(paths)
        if pool is None:
            with ThreadPoolExecutor() as own:
                return dict(zip(wanted, own.map(self.compute, wanted), strict=True))
        return dict(zip(wanted, pool.map(self.compute, wanted), strict=True))

    def find(self, path: Path) -> str | None:
        """Return the recorded digest of a file, or None if the file has changed since then."""
        name = str(path.absolute())
        recorded = self._new.get(name) or self._old.get(name)
        if not isinstance(recorded, list) or recorded[:-1] != stamp_of(path):
            return None
        self._new[name] = recorded
        return str(recorded[-1])

    def record(self, path: Path, stamp: Stamp, digest: str) -> str:
        """Record the digest of a file with the stamp that it had before it was read; returns the digest."""
        if is_settled(stamp):
            self._new[str(path.absolute())] = [*stamp, digest]
        return digest

    def record_own(self, path: Path, digest: str) -> None:
        """Record the digest of a file that only this process writes, with its stamp when `save` is called."""
        self._own[path] = digest

    def save(self) -> None:
        """Write the digests for later runs; the digests that this run used come first."""
        for path, digest in self._own.items():
            if path.is_file():
                self._new[str(path.absolute())] = [*stamp_of(path), digest]
        if self._path is None or all(self._old.get(path) == stamp for path, stamp in self._new.items()):
            return
        kept = {
            **self._new,
            **{path: old for path, old in _read_stamps(self._path).items() if path not in self._new},
        }
        keep_checked(self._path, _FORMAT, dict(list(kept.items())[:_MOST_STAMPS]))


def write_checked(path: Path, key: str, value: Any, *, sort_keys: bool = False) -> None:
    """Write a value of a cache as JSON with its key and the digest of both, atomically: the file is never incomplete.

    `key` names, in one line, what the value belongs to: only who reads with the same key gets it, wherever the file was moved.
    A folder at `path` is removed, as anything in a cache may be at any time. With `sort_keys`, mappings are written in the order of
    their keys.
    """
    if path.is_dir() and not path.is_symlink():
        remove_path(path)
    text = f"{key}\n{json.dumps(value, sort_keys=sort_keys)}"
    with replace_file(path, flushed=False) as partial:
        partial.write_text(f"{_digest_of(text)}\n{text}", encoding="utf-8")


def keep_checked(path: Path, key: str, value: Any) -> None:
    """Write a value for later runs as `write_checked` does, or warn once if it cannot be written: nothing depends on it."""
    try:
        write_checked(path, key, value)
    except OSError as fault:
        warn_of_cache(path.parent, fault)


def read_checked(path: Path, key: str) -> Any:
    """Return the value that `write_checked` wrote with this key; None if the file is missing, damaged, not a regular file or
    written with another key, and, with a warning, if it cannot be read.
    """
    try:
        if not path.is_file():  # a pipe would wait for a writer, without end
            return None
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except UnicodeDecodeError:
        return None
    except OSError as fault:
        warn_of_cache(path.parent, fault)
        return None
    found, _, value = text.partition("\n")
    return json.loads(value) if found == key and digest == _digest_of(text) else None


def warn_of_cache(folder: Path, fault: OSError) -> None:
    """Print a warning that a folder for later runs cannot be used, once for each folder."""
    if folder in _warned:
        return
    _warned.add(folder)
    sys.stderr.write(
        f"Warning: {folder} cannot be used ({fault.strerror or fault}), so this stage goes on without it; it is only there to save "
        "time. Let this user read and write it, free some space on its disk, or remove it.\n"
    )


def digest_of_shards(digests: Mapping[Path, str]) -> str:
    """Return one digest of the names and bytes of shards, from the digest of each."""
    return digest_of_value(sorted([path.name, digest] for path, digest in digests.items()))


def write_folder_digests(folder: Path) -> None:
    """Write `digests.json` with the digest of every file in a folder and its subfolders."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FOLDER_DIGESTS)
    files = {path.relative_to(folder).as_posix(): digest_of_file(path) for path in paths}
    write_json(folder / FOLDER_DIGESTS, {"format": _FORMAT, "files": files})


def find_folder_faults(folder: Path, stage: str, names: Iterable[str] | None = None) -> list[str]:
    """Return the faults of the files in a folder that has `digests.json`: all listed files, or those in `names`.

    Each fault names the file and the stage that writes it again. Raises MissingInputError or FormatError if
    `digests.json` is missing or damaged.
    """
    listed = read_json(folder / FOLDER_DIGESTS)["files"]
    faults = []
    for name in sorted(listed) if names is None else names:
        path = folder / name
        if not path.is_file():
            faults.append(f"{path} is missing: run the stage `{stage}` again")
        elif name not in listed:
            faults.append(f"{path} is not listed in {FOLDER_DIGESTS}: run the stage `{stage}` again")
        elif digest_of_file(path) != listed[name]:
            faults.append(
                f"{path} does not match its digest in {FOLDER_DIGESTS}, so it is damaged or was replaced: "
                f"run the stage `{stage}` again"
            )
    return faults


def check_in_folder(path: Path, stage: str) -> None:
    """Raise MissingInputError or FormatError unless a file has its digest in the `digests.json` beside it."""
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: run the stage `{stage}` first.")
    faults = find_folder_faults(path.parent, stage, [path.name])
    if faults:
        raise FormatError(f"{faults[0]}.")


def _read_stamps(path: Path) -> dict[str, list[Any]]:
    stamps = read_checked(path, _FORMAT)
    return stamps if isinstance(stamps, dict) else {}


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
