"""Typed rows of a source on their way to tables: sorted runs of records in scratch files, with an index by key.

Rows arrive in the order of files and lines, of any number of series interleaved.  They are gathered up to
a bound, sorted, and written as one run; a table is then merged from the slices that each run holds of its
series.  So memory is bounded by a run, whatever the size and order of the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.raw.records import Records, in_order

Key = tuple[str, str]  # group, series

RUN_BYTES = 128 << 20


@dataclass(frozen=True)
class Slice:
    """Where one run holds the records of one key: `count` records from record `first` on."""

    path: Path
    first: int
    count: int


class Runs:
    """The rows of one source: add blocks of records, then `close`, then read by key."""

    def __init__(self, folder: Path, dtype: np.dtype[np.void], run_bytes: int = RUN_BYTES) -> None:
        self._folder, self._dtype, self._run_bytes = folder, dtype, run_bytes
        self._codes: dict[Key, int] = {}
        self._pending: list[Records] = []
        self._pending_bytes = 0
        self._written = 0
        self._slices: dict[Key, list[Slice]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, keys: list[Key], records: Records) -> None:
        """Add records whose `key` field refers to `keys`."""
        if not len(records):
            return
        codes = np.array([self._codes.setdefault(key, len(self._codes)) for key in keys], np.int32)
        records["key"] = codes[records["key"]]
        self._pending.append(records)
        self._pending_bytes += records.nbytes
        if self._pending_bytes >= self._run_bytes:
            self._write()

    def close(self) -> None:
        """Write what is still in memory; nothing may be added afterwards."""
        if self._pending:
            self._write()

    def keys_by_group(self) -> dict[str, list[Key]]:
        """The keys that have rows, group by group, both in the order of their names."""
        groups: dict[str, list[Key]] = {}
        for key in sorted(self._slices):
            groups.setdefault(key[0], []).append(key)
        return groups

    def count(self, key: Key) -> int:
        """Number of rows of a key."""
        return sum(piece.count for piece in self._slices[key])

    def read(self, keys: Iterable[Key]) -> Records:
        """All records of some keys, sorted; their `key` field is the place among `keys`."""
        parts = []
        for place, key in enumerate(keys):
            for piece in self._slices[key]:
                part = np.fromfile(
                    piece.path, self._dtype, piece.count, offset=piece.first * self._dtype.itemsize
                )
                part["key"] = place
                parts.append(part)
        return in_order(np.concatenate(parts) if len(parts) > 1 else parts[0])

    def _write(self) -> None:
        records = np.concatenate(self._pending) if len(self._pending) > 1 else self._pending[0]
        self._pending, self._pending_bytes = [], 0
        names = list(self._codes)
        rank = np.empty(len(names), np.int32)
        by_name = sorted(range(len(names)), key=names.__getitem__)
        rank[by_name] = np.arange(len(names))
        records["key"] = rank[records["key"]]  # neighbours in a table lie side by side in the run
        records = in_order(records)
        path = self._folder / f"run_{self._written:05d}"
        self._written += 1
        records.tofile(path)
        present, firsts = _first_of_each(records["key"])
        ends = [*firsts[1:], len(records)]
        for code, first, end in zip(present, firsts, ends, strict=True):
            self._slices.setdefault(names[by_name[code]], []).append(
                Slice(path, int(first), int(end - first))
            )


def _first_of_each(codes: NDArray[np.int32]) -> tuple[list[int], list[int]]:
    """The distinct values of a sorted array and where each begins."""
    present, firsts = np.unique(codes, return_index=True)
    return present.tolist(), firsts.tolist()
