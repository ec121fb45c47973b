"""The cache of ingest: entries by key below `.hindcast/cache/ingest`, digests of files, and the keys.

An entry is a folder that is complete or absent, with a description that holds its own digest and the digests of the
entry's files.  What does not match its digest counts as absent.  The folder may be removed at any time.
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
from hindcast.pipeline.raw.source_files import RawFile, field_from_path, search_path
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source

MOST_BYTES = 32 << 30  # of all entries, and never more than the disk has free
DESCRIPTION = "entry.json"  # of an entry, as `write_checked` writes it
_SIZE = "size.json"
_MOST_STAMPS = 200_000
_SETTLED = 2_000_000_000  # ns: a file changed less than this before its digest was taken may change unnoticed

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
_LIBRARIES = ("numpy", "pandas", "pyarrow", "tzdata")
_READ_OF_VALUES = ("column", "header", "min", "max", "allowed")


class Cache:
    """Entries of one workspace; one run at a time uses it (`ingest` holds a lock), with several threads."""

    def __init__(self, folder: Path) -> None:
        self.digests = FileDigests(folder / "digests.json")
        self._folder = folder
        self._numbers = count()
        self._used: set[Path] = set()
        self._added: set[Path] = set()
        self._names = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
        self._size = read_checked(folder / _SIZE)  # upper bound of all bytes, from the last run that finished
        (folder / _SIZE).unlink(missing_ok=True)
        for name in self._names:
            if name.startswith(".partial-"):  # of a run that was killed
                shutil.rmtree(folder / name, ignore_errors=True)

    def has_prefix(self, prefix: str) -> bool:
        """Whether an earlier run left an entry whose key begins with `prefix`."""
        place = bisect_left(self._names, prefix)
        return place < len(self._names) and self._names[place].startswith(prefix)

    def find(self, key: str) -> Path | None:
        """The entry of a key, or None."""
        entry = self._folder / key
        if not entry.is_dir():
            return None
        self._used.add(entry)
        return entry

    def new_folder(self) -> Path:
        """A folder for a new entry; `add` makes it the entry of a key."""
        folder = self._folder / f".partial-{os.getpid()}-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return folder

    def add(self, folder: Path, key: str) -> Path:
        """Make a new folder the entry of a key, replacing an older one; returns its path."""
        entry = self._folder / key
        shutil.rmtree(entry, ignore_errors=True)
        os.replace(folder, entry)
        self._used.add(entry)
        self._added.add(entry)
        return entry

    def close(self, most_bytes: int = MOST_BYTES) -> None:
        """Save the digests of files, and remove the least recently used entries beyond `most_bytes`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.digests.save()
        for entry in self._used:
            with suppress(FileNotFoundError):
                os.utime(entry)
        most = min(most_bytes, shutil.disk_usage(self._folder).free)
        size = sum(_bytes_of(entry) for entry in self._added if entry.is_dir()) + (self._size or 0)
        # thousands of entries are scanned only when the bound is reached
        if self._size is None or size > most:
            size = self._trim(most)
        write_checked(self._folder / _SIZE, size)

    def _trim(self, most: int) -> int:
        """Remove the least recently used entries beyond `most` bytes; returns the bytes of the others."""
        entries = [
            (entry.stat().st_mtime_ns, Path(entry)) for entry in os.scandir(self._folder) if entry.is_dir()
        ]
        total = 0
        for _, entry in sorted(entries, key=lambda item: (-item[0], item[1])):
            size = _bytes_of(entry)
            if total + size <= most:
                total += size
            else:
                shutil.rmtree(entry, ignore_errors=True)
                most = total  # removes all older entries too
        return total


class FileDigests:
    """SHA-256 of files, computed again only where size, times or inode have changed since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = read_checked(path) or {}
        self._new: dict[str, list[Any]] = {}
        self._own: dict[Path, str] = {}

    def digest(self, path: Path) -> str:
        """The digest of a file."""
        return self.find(path) or self.record(path, stamp_of(path), digest_of_file(path))

    def digest_all(self, paths: Iterable[Path], pool: Executor) -> dict[Path, str]:
        """The digests of several files; those that must be read, in parallel."""
        known = {path: self.find(path) for path in paths}
        unknown = [path for path, digest in known.items() if digest is None]
        computed = dict(zip(unknown, pool.map(self.digest, unknown), strict=True))
        return {path: digest or computed[path] for path, digest in known.items()}

    def find(self, path: Path) -> str | None:
        """The recorded digest of a file that has not changed since; else None."""
        name = str(path.absolute())
        recorded = self._old.get(name)
        if not isinstance(recorded, list) or recorded[:-1] != stamp_of(path):
            return None
        self._new[name] = recorded
        return str(recorded[-1])

    def record(self, path: Path, stamp: list[int], digest: str) -> str:
        """Record the digest of a file, with its stamp from before it was read; returns the digest."""
        if time.time_ns() - max(stamp[1:3]) >= _SETTLED:
            self._new[str(path.absolute())] = [*stamp, digest]
        return digest

    def record_own(self, path: Path, digest: str) -> None:
        """Record the digest of a file that only this process writes, with its stamp at the time of `save`."""
        self._own[path] = digest

    def save(self) -> None:
        """Write the digests for the next run, those that this run used first."""
        for path, digest in self._own.items():
            if path.is_file():
                self._new[str(path.absolute())] = [*stamp_of(path), digest]
        unused = {path: stamp for path, stamp in self._old.items() if path not in self._new}
        write_checked(self._path, dict(list({**self._new, **unused}.items())[:_MOST_STAMPS]))


def stamp_of(path: Path) -> list[int]:
    """Size, times of change and inode: while they are the same, so is the file."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def write_checked(path: Path, value: Any) -> None:
    """Write a value as JSON under its digest; the file is complete or absent."""
    partial = path.with_name(f".{path.name}.partial")
    text = json.dumps(value)
    partial.write_text(f"{_digest_of(text)}\n{text}", encoding="utf-8")
    os.replace(partial, path)


def read_checked(path: Path) -> Any:
    """The value that `write_checked` wrote; None where the file is absent or damaged."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return json.loads(text) if digest == _digest_of(text) else None


def _bytes_of(entry: Path) -> int:
    return sum(file.stat().st_size for file in os.scandir(entry))  # half the system calls of pathlib


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class SettingsDigest:
    """Digests of the settings that decide how a source's files are read, and how its tables are made."""

    reading: str
    tables: str

    @classmethod
    def of(cls, raw: RawSettings, source: Source) -> SettingsDigest:
        """The digests for a source; settings of later stages (units, resampling) do not count, nor do the globs."""
        grid = {"zone": raw.zone, "frequency": str(raw.frequency)}
        reading = source.model_dump(mode="json", exclude={"role", "files", "duplicates"}) | grid
        for name, value in reading["values"].items():
            reading["values"][name] = {key: value[key] for key in _READ_OF_VALUES}
        if not isinstance(source.known, PublishedAt):
            del reading["known"]  # applied when tables are made
        tables = source.model_dump(mode="json", include={"role", "known", "duplicates"})
        tables |= {"issue_time": source.has_issue, "values": list(source.values)}
        tables |= {"frequency": str(raw.frequency)}
        code = code_digest(_CODE, _LIBRARIES)
        return cls(digest_of_value([code, reading]), digest_of_value([code, tables]))


def file_key(settings: SettingsDigest, source: Source, file: RawFile, digest: str) -> str:
    """The key of one parsed file with contents of this digest; its path counts only by the fields that it carries.

    Raises RawDataError where the path lacks one of them.
    """
    names = [
        field_from_path(field, file.name)
        for field in (source.group, source.series)
        if field is not None and field.path is not None
    ]
    stamps = [
        search_path(field.path, file.name)
        for field in (source.issue_time, source.valid_time)
        if field is not None and field.path is not None
    ]
    suffix = file.path.suffix.lower()  # says how the file is compressed
    return digest_of_value([settings.reading, digest, names, stamps, suffix])


def table_key(settings: SettingsDigest, zone: str | None, group: str, parts: list[str]) -> str:
    """The key of a group's table, for files whose rows of this group have the digests `parts`, in order."""
    return digest_of_value([settings.tables, zone, group, parts])
