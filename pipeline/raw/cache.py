"""The cache of ingest: entries below `.hindcast/cache/ingest`, their keys, and digests of files.

An entry is a folder that is either complete or missing. Its description holds its key, its own digest and the digests of
the entry's files.  An entry that does not match its digest or has another key than its folder's name counts as missing, and
what stands in the place of an entry is removed.  The folder may be removed at any time.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from hindcast.pipeline.digests import FileDigests, keep_checked, read_checked, warn_of_cache, write_checked
from hindcast.pipeline.files import code_digest, digest_of_value, remove_path
from hindcast.pipeline.raw.source_files import RawFile, field_from_path, search_path
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source

CACHES = Path(".hindcast/cache")
MOST_BYTES = 32 << 30  # total size of the entries; never more than the disk has free
DESCRIPTION = "entry.json"  # the description of an entry, written by `describe_entry`
_SIZE = "size.json"

_CODE = (
    "raw/*.py",
    "arrays.py",
    "digests.py",
    "tables.py",
    "files.py",
    "settings/base.py",
    "settings/clock.py",
    "settings/fields.py",
    "settings/known.py",
    "settings/raw.py",
    "settings/stamp_grid.py",
)
_LIBRARIES = ("numpy", "pandas", "pyarrow", "tzdata")
_READ_OF_VALUES = ("column", "header", "min", "max", "allowed", "codes", "time")


class Cache:
    """Entries of one workspace; used by one run at a time (`ingest` holds a lock), from several threads."""

    def __init__(self, folder: Path) -> None:
        self.digests = FileDigests(folder / "digests.json")
        self._folder = folder
        self._numbers = count()
        self._used: set[Path] = set()
        self._added: set[Path] = set()
        self._names = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
        self._size = read_checked(folder / _SIZE, _SIZE)  # upper bound, from the last finished run
        remove_path(folder / _SIZE)
        for name in self._names:
            if name.startswith(".partial-"):  # left by a run that was killed
                remove_path(folder / name)

    def has_prefix(self, prefix: str) -> bool:
        """Return whether an earlier run left an entry whose key begins with `prefix`."""
        place = bisect_left(self._names, prefix)
        return place < len(self._names) and self._names[place].startswith(prefix)

    def find(self, key: str) -> Path | None:
        """Return the path of the entry of a key, or None."""
        entry = self._folder / key
        if not entry.is_dir():
            return None
        self._used.add(entry)
        return entry

    def new_folder(self) -> Path:
        """Create a folder for a new entry; `add` makes it the entry of a key."""
        folder = self._folder / f".partial-{os.getpid()}-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return folder

    def add(self, folder: Path, key: str) -> Path:
        """Make a new folder the entry of a key, replacing an older one; returns its path."""
        entry = self._folder / key
        remove_path(entry)
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
        keep_checked(self._folder / _SIZE, _SIZE, size)

    def _trim(self, most: int) -> int:
        """Remove the least recently used entries beyond `most` bytes; returns the size of the remaining ones."""
        entries = [
            (entry.stat().st_mtime_ns, Path(entry))
            for entry in os.scandir(self._folder)
            if entry.is_dir(follow_symlinks=False)
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


def describe_entry(folder: Path, key: str, value: Any, file: str = DESCRIPTION) -> None:
    """Write a description into the folder of the entry of a key, which may not have its final name yet."""
    write_checked(folder / file, f"{key} {file}", value)


def read_description(entry: Path, file: str = DESCRIPTION) -> Any:
    """Return a description in an entry that has its final name; None if it is missing, damaged or of another key."""
    return read_checked(entry / file, f"{entry.name} {file}")


def cache_code_digest() -> str:
    """Compute the digest of the code that makes entries and of the versions of the libraries that it uses."""
    return code_digest(_CODE, _LIBRARIES)


@contextmanager
def cache_folder(root: Path) -> Iterator[Path]:
    """Yield the folder of the caches of ingest in a workspace; if it cannot be used, warn, and yield a temporary folder."""
    folder = root / CACHES
    if _is_usable(folder):
        yield folder
        return
    # on the disk of the tables, which are linked to the cache
    (root / "data").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".cache-", dir=root / "data") as made:
        yield Path(made)


def _is_usable(folder: Path) -> bool:
    """Return whether files can be listed and written in the folder of the caches; else warn."""
    try:
        for each in (folder, *(folder / name for name in ("ingest", "members"))):
            each.mkdir(parents=True, exist_ok=True)
            with os.scandir(each) as entries, TemporaryFile(dir=each):
                next(entries, None)
    except OSError as fault:
        warn_of_cache(folder, fault)
        return False
    return True


def _bytes_of(entry: Path) -> int:
    return sum(
        file.stat(follow_symlinks=False).st_size for file in os.scandir(entry)
    )  # half the system calls of pathlib


@dataclass(frozen=True)
class SettingsDigest:
    """Digests of the settings that determine how a source's files are read and how its tables are built."""

    reading: str
    tables: str

    @classmethod
    def of(cls, raw: RawSettings, source: Source) -> SettingsDigest:
        """Compute the digests for a source, without the globs and the settings of later stages (units, resampling)."""
        grid = {"zone": raw.zone, "frequency": str(raw.frequency)}
        apart = {"role", "files", "part_of", "duplicates", "off_grid", "spacing"}
        reading = source.model_dump(mode="json", exclude=apart) | grid
        for name, value in reading["values"].items():
            limits = value["flag"] if value["on_flag"] == "quarantine" else None
            read = {key: value[key] for key in _READ_OF_VALUES if key in value}
            reading["values"][name] = read | {"flag": limits}
        # a list: rows hold their values in the order of the settings, to which digests of mappings are blind
        reading["values"] = list(reading["values"].items())
        if not isinstance(source.known, PublishedAt):
            del reading["known"]  # applied when tables are built
        tables = source.model_dump(
            mode="json", include={"role", "known", "duplicates", "off_grid", "spacing", "coarser"}
        )
        tables |= {"issue_time": source.has_issue, "values": list(source.values)}
        tables |= {"frequency": str(raw.frequency)} | ({"member": True} if source.has_members else {})
        if isinstance(source.known, PublishedAt):
            reading["known"].pop("before_step")
        code = cache_code_digest()
        return cls(digest_of_value([code, reading]), digest_of_value([code, tables]))


def file_key(settings: SettingsDigest, source: Source, file: RawFile, digest: str) -> str:
    """Return the key of one parsed file whose contents have this digest.

    The path counts only through the fields that it carries.  Raises RawDataError if the path lacks one of them.
    """
    names = [
        field_from_path(field, file.name)
        for field in (source.group, source.series, source.member)
        if field is not None and field.path is not None
    ]
    stamps = [
        search_path(field.path, file.name) for field in source.stamp_texts.values() if field.path is not None
    ]
    suffix = file.path.suffix.lower()  # determines how the file is decompressed
    return digest_of_value([settings.reading, digest, names, stamps, suffix])


def table_key(settings: SettingsDigest, clock: tuple[str | None, int], group: str, parts: list[str]) -> str:
    """Return the key of a group's table: `clock` is its zone and grid offset, `parts` the digests of its rows by file."""
    return digest_of_value([settings.tables, *clock, group, parts])
