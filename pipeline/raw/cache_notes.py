"""Notes for incremental work: what a clone needs, beside tables and quarantine, to read only the raw files that changed.

`data/notes/ingest.json` is an output of `ingest` on which no stage depends. A clone that pulled the outputs makes entries of
its cache from them, as if it had run `ingest` itself; rows of raw files are not among them. The notes may be removed at any time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.cache import Cache, cache_code_digest, describe_entry
from hindcast.pipeline.raw.cache_entries import REJECTS_NAME, TABLE, describe_noted_file, restore_rows
from hindcast.pipeline.raw.quarantine import REJECT_SCHEMA, RejectFile

NOTES = Path("data/notes/ingest.json")
_KEY = "notes of ingest"
_MARK = "notes.json"  # in the cache: the digest of the notes that it agrees with
_ROWS_A_BATCH = 50_000


def write_notes(path: Path, cache: Path, quarantine: Path, sources: Sequence[Mapping[str, Any]]) -> None:
    """Write the notes of all sources (`SourceIngest.notes`); their bytes depend on raw files, settings and code only."""
    parts = sorted({note["part"] for source in sources for note in source["rejected"]})
    notes = {
        "code": cache_code_digest(),
        "quarantine": {part: digest_of_file(_quarantine_file(quarantine, part)) for part in parts},
        "sources": list(sources),
    }
    write_checked(path, _KEY, notes, sort_keys=True)
    cache.mkdir(parents=True, exist_ok=True)
    write_checked(cache / _MARK, _MARK, digest_of_file(path))


def restore_cache(path: Path, cache: Path, tables: Path, quarantine: Path) -> None:
    """Add the entries that the notes describe to the cache, unless they are those of its own last run.

    Nothing is restored from notes of other code. A table whose bytes differ from the notes is not used, since entries of the
    cache are checked when they are used; nor are rejected rows if a file of the quarantine differs.
    """
    if not path.is_file():
        return
    digest = digest_of_file(path)
    if read_checked(cache / _MARK, _MARK) == digest:
        return
    notes = read_checked(path, _KEY)
    if not isinstance(notes, dict) or notes.get("code") != cache_code_digest():
        return
    entries = Cache(cache)
    try:
        with _Rejected(quarantine, notes["quarantine"]) as rejected:
            for source in notes["sources"]:
                _restore_source(entries, source, tables, rejected)
    finally:
        entries.close()
    write_checked(cache / _MARK, _MARK, digest)


def _restore_source(cache: Cache, source: Mapping[str, Any], tables: Path, rejected: _Rejected) -> None:
    described = {note["name"]: note for note in source["files"]}
    for note in source["rejected"]:  # in the order of the quarantine, which is read once from begin to end
        rejects = rejected.take(note["part"], note["rows"])
        if rejects is None or cache.find(note["name"]) is not None:
            continue
        folder = cache.new_folder()
        file = RejectFile(folder / REJECTS_NAME)
        for batch in rejects:
            file.add(batch)
        file.close()
        if (of_file := described.get(note["name"])) is not None:
            _describe(folder, of_file)
        else:
            describe_entry(folder, note["name"], digest_of_file(folder / REJECTS_NAME))
        cache.add(folder, note["name"])
    for name, note in described.items():
        if not note["entry"]["rules"] and cache.find(name) is None:
            folder = cache.new_folder()
            _describe(folder, note)
            cache.add(folder, name)
    for note in source["tables"]:
        table = None if note["file"] is None else tables / note["file"]
        if cache.find(note["name"]) is None and (table is None or table.is_file()):
            folder = cache.new_folder()
            if table is not None:
                _link(table, folder / TABLE)
            describe_entry(folder, note["name"], note["value"])
            cache.add(folder, note["name"])


def _describe(folder: Path, note: Mapping[str, Any]) -> None:
    describe_noted_file(folder, note["name"], note["entry"])
    if note["digests"]:
        restore_rows(folder, note["name"], note["digests"])


def _link(old: Path, new: Path) -> None:
    """Link or copy a table, which is replaced and never modified."""
    if not old.is_symlink():  # a hard link to a symbolic link would not be the file
        try:
            os.link(old, new)
        except OSError:  # a file system without hard links
            pass
        else:
            return
    shutil.copyfile(old, new)


def _quarantine_file(folder: Path, part: str) -> Path:
    return folder / f"{part}.parquet"


class _Rejected:
    """The rows of the quarantine in their order; a part whose file differs from the notes has none."""

    def __init__(self, folder: Path, digests: Mapping[str, str]) -> None:
        self._open = ExitStack()
        self._rows: dict[str, Iterator[pa.Table]] = {}
        self._left: dict[str, pa.Table] = {}
        for part, digest in digests.items():
            path = _quarantine_file(folder, part)
            if path.is_file() and digest_of_file(path) == digest:
                self._rows[part] = _batches(self._open.enter_context(pq.ParquetFile(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take(self, part: str, count: int) -> list[pa.Table] | None:
        """Return the next `count` rows of a part, in pieces; None if there are not so many."""
        if part not in self._rows:
            return None
        pieces = []
        while count:
            left = self._left.pop(part, None)
            table = left if left is not None else next(self._rows[part], None)
            if table is None:
                del self._rows[part]
                return None
            pieces.append(table.slice(0, count))
            if table.num_rows > count:
                self._left[part] = table.slice(count)
            count -= pieces[-1].num_rows
        return pieces


def _batches(file: pq.ParquetFile) -> Iterator[pa.Table]:
    for batch in file.iter_batches(_ROWS_A_BATCH, columns=REJECT_SCHEMA.names):
        yield pa.Table.from_batches([batch]).cast(REJECT_SCHEMA)
