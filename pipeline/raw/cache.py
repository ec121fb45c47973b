"""What ingest need not make again: entries by key below `.hindcast/cache/ingest`, and digests of files by their stamps.

An entry is a folder that appears whole or not at all, with a description that carries its own digest and the
digests of its files.  What does not fit its digest counts as absent.  The folder may be removed at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import code_digest, digest_of_file, digest_of_value
from hindcast.pipeline.raw.source_files import RawFile, from_path, searched
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source

MOST_BYTES = 32 << 30  # what is kept at most, and never more than the disk has free


_DESCRIPTION = "entry.json"


_HELD = "held.json"


_MOST_STAMPS = 200_000


_SETTLED = 2_000_000_000  # ns: a file changed later than this before its digest was taken may change unseen


class Cache:
    """Entries of one workspace; one run uses it at a time (`ingest` holds a lock), by several threads."""

    def __init__(self, folder: Path) -> None:
        self.digests = FileDigests(folder / "digests.json")
        self._folder = folder
        self._numbers = count()
        self._used: set[Path] = set()
        self._kept: set[Path] = set()
        self._there = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
        self._held = _read_description(folder / _HELD)  # bytes at most, by the last run that came to its end
        (folder / _HELD).unlink(missing_ok=True)
        for left in self._there:
            if left.startswith(".partial-"):  # of a run that was killed
                shutil.rmtree(folder / left, ignore_errors=True)

    def holds(self, prefix: str) -> bool:
        """Whether an entry of an earlier run has a key with this beginning."""
        place = bisect_left(self._there, prefix)
        return place < len(self._there) and self._there[place].startswith(prefix)

    def find(self, key: str) -> Path | None:
        """The entry of a key, if it is there."""
        entry = self._folder / key
        if not entry.is_dir():
            return None
        self._used.add(entry)
        return entry

    def new_folder(self) -> Path:
        """A folder for an entry in the making."""
        folder = self._folder / f".partial-{os.getpid()}-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return folder

    def keep(self, folder: Path, key: str) -> Path:
        """Make a new folder the entry of a key, in place of an older one; returns where it lies now."""
        entry = self._folder / key
        shutil.rmtree(entry, ignore_errors=True)
        os.replace(folder, entry)
        self._used.add(entry)
        self._kept.add(entry)
        return entry

    def close(self, most_bytes: int = MOST_BYTES) -> None:
        """Save the digests of files, and remove the entries used longest ago beyond `most_bytes`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.digests.save()
        for entry in self._used:
            with suppress(FileNotFoundError):
                os.utime(entry)
        room = min(most_bytes, shutil.disk_usage(self._folder).free)
        held = sum(_bytes_of(entry) for entry in self._kept if entry.is_dir()) + (self._held or 0)
        if self._held is None or held > room:  # nobody looks at thousands of entries while there is room
            held = self._trimmed(room)
        _write_description(self._folder / _HELD, held)

    def _trimmed(self, room: int) -> int:
        """Remove the entries used longest ago that find no room; returns the bytes of those that stay."""
        entries = [
            (entry.stat().st_mtime_ns, Path(entry)) for entry in os.scandir(self._folder) if entry.is_dir()
        ]
        held = 0
        for _, entry in sorted(entries, key=lambda found: (-found[0], found[1])):
            size = _bytes_of(entry)
            if held + size <= room:
                held += size
            else:
                shutil.rmtree(entry, ignore_errors=True)
                room = held  # nothing older stays either
        return held


class FileDigests:
    """SHA-256 of files, taken again only where size, times or inode have changed since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = _read_description(path) or {}
        self._new: dict[str, list[Any]] = {}
        self._own: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """The digest of a file."""
        known = self.known(path)
        if known is not None:
            return known
        stamp = stamp_of(path)
        return self.learn(path, stamp, digest_of_file(path))

    def of_all(self, paths: Iterable[Path], pool: Executor) -> dict[Path, str]:
        """The digests of several files; those that must be read, several at a time."""
        found = {path: self.known(path) for path in paths}
        unknown = [path for path, digest in found.items() if digest is None]
        taken = dict(zip(unknown, pool.map(self.of, unknown), strict=True))
        return {path: digest or taken[path] for path, digest in found.items()}

    def known(self, path: Path) -> str | None:
        """The digest of a file that did not change since it was taken; else None."""
        place = str(path.absolute())
        found = self._old.get(place)
        if not isinstance(found, list) or found[:-1] != stamp_of(path):
            return None
        self._new[place] = found
        return str(found[-1])

    def learn(self, path: Path, stamp: list[int], digest: str) -> str:
        """Take the digest of a file whose stamp was this before it was read."""
        if time.time_ns() - max(stamp[1:3]) >= _SETTLED:
            self._new[str(path.absolute())] = [*stamp, digest]
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Take the digest of a file that nobody else writes as known, by its stamps at the time of `save`."""
        self._own[path] = digest

    def save(self) -> None:
        """Write what is known for the next run, what this run used first."""
        for path, digest in self._own.items():
            if path.is_file():
                self._new[str(path.absolute())] = [*stamp_of(path), digest]
        known = {**self._new, **{path: stamp for path, stamp in self._old.items() if path not in self._new}}
        _write_description(self._path, dict(list(known.items())[:_MOST_STAMPS]))


def stamp_of(path: Path) -> list[int]:
    """Size, times of change and inode: while they stay, the file is the same."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def describe(entry: Path, value: Any, name: str = _DESCRIPTION) -> None:
    """Write the description of an entry; it appears whole or not at all."""
    _write_description(entry / name, value)


def description_of(entry: Path, name: str = _DESCRIPTION) -> Any:
    """The description of an entry; None where it is absent or damaged."""
    return _read_description(entry / name)


def _write_description(path: Path, value: Any) -> None:
    partial = path.with_name(f".{path.name}.partial")
    text = json.dumps(value)
    partial.write_text(f"{_digest_of(text)}\n{text}", encoding="utf-8")
    os.replace(partial, path)


def _read_description(path: Path) -> Any:
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):  # absent or damaged: made again either way
        return None
    return json.loads(text) if digest == _digest_of(text) else None


def _bytes_of(entry: Path) -> int:
    return sum(file.stat().st_size for file in os.scandir(entry))  # asks half as much as pathlib


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_CODE = (
    "raw/*.py",
    "arrays.py",
    "tables.py",
    "files.py",
    "settings/base.py",
    "settings/clock.py",
    "settings/fields.py",
    "settings/known.py",
    "settings/raw.py",
)


_READ_OF_VALUES = ("column", "header", "min", "max", "allowed")


_LIBRARIES = ("numpy", "pandas", "pyarrow", "tzdata")


@dataclass(frozen=True)
class Contract:
    """What the settings of a source say about reading its files, and about making its tables, as digests."""

    reading: str
    tables: str

    @classmethod
    def of(cls, raw: RawSettings, source: Source) -> Contract:
        """The contract of a source; what only later stages use (units, resampling) is no part of it, nor are the globs."""
        grid = {"zone": raw.zone, "frequency": str(raw.frequency)}
        reading = source.model_dump(mode="json", exclude={"role", "files", "duplicates"}) | grid
        for name, value in reading["values"].items():
            reading["values"][name] = {key: value[key] for key in _READ_OF_VALUES}
        if not isinstance(source.known, PublishedAt):
            del reading["known"]  # applied when tables are made
        tables = source.model_dump(mode="json", include={"role", "known", "duplicates"})
        tables |= {"issue_time": source.has_issue, "values": list(source.values)}
        tables |= {"frequency": str(raw.frequency)}
        return cls(
            digest_of_value([tables_code_digest(), reading]), digest_of_value([tables_code_digest(), tables])
        )


def reading_key(contract: Contract, source: Source, file: RawFile, digest: str) -> str:
    """The key of one file as read, for contents of this digest: its name counts only by the fields that it carries.

    Raises RawDataError where the path lacks one of them.
    """
    names = [
        from_path(field, file.name)
        for field in (source.group, source.series)
        if field is not None and field.path is not None
    ]
    stamps = [
        searched(field.path, file.name)
        for field in (source.issue_time, source.valid_time)
        if field is not None and field.path is not None
    ]
    suffix = file.path.suffix.lower()  # says how the file is packed
    return digest_of_value([contract.reading, digest, names, stamps, suffix])


def table_key(contract: Contract, zone: str | None, group: str, parts: list[str]) -> str:
    """The key of a group's table, for files whose rows of this group have these digests, in order."""
    return digest_of_value([contract.tables, zone, group, parts])


def tables_code_digest() -> str:
    """Digest of the code that makes tables, and of the versions of the libraries that it uses."""
    return code_digest(_CODE, _LIBRARIES)
