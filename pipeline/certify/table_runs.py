"""Rows in any order, sorted by series and time in bounded memory: sorted runs on disk, merged range by range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints, Times

Columns = dict[str, "Ints | Floats"]

_SECOND = 1_000_000_000
_SPAN = 1 << 35  # above the number of seconds that int64 nanoseconds can tell apart
_MOST_RANGE = 1 << 18  # rows of a range
_KEY = "key"


@dataclass
class SortedRows:
    """Takes columns `series` (numbers), `valid`, `origin` and `row` with others, and gives them back in ranges of rows
    ordered by series, valid, origin and row. All rows of one series and second are in one range. A run is two files: the
    keys, which are mapped to be searched, and the rows, which are read in parts (mapped pages would count as memory).
    """

    folder: Path
    run_rows: int = 1 << 19
    _pending: list[Columns] = field(default_factory=list)
    _count: int = 0
    _runs: int = 0
    _types: dict[str, np.dtype[Any]] = field(default_factory=dict)

    def add(self, columns: Mapping[str, Ints | Floats]) -> None:
        """Add rows."""
        if not len(columns["row"]):
            return
        key = sort_key(columns["series"].astype(np.int64), columns["valid"].astype(np.int64))
        kept = {_KEY: key, **{name: values for name, values in columns.items() if name != "series"}}
        self._types = {name: values.dtype for name, values in kept.items()}
        self._pending.append(kept)
        self._count += len(key)
        if self._count >= self.run_rows:
            self._save()

    def ranges(self) -> Iterator[Columns]:
        """Yield all rows, once, in ranges; the columns are those that were added."""
        self._save()
        keys = [np.memmap(self._path(run, "keys"), np.int64, "r") for run in range(self._runs)]
        edges = _edges(keys)
        starts = [np.searchsorted(key, edges) for key in keys]
        for place in range(len(edges) - 1):
            bounds = [(int(start[place]), int(start[place + 1])) for start in starts]
            yield self._range([self._read(run, *bound) for run, bound in enumerate(bounds)])

    def _read(self, run: int, start: int, stop: int) -> Ints:
        width = len(self._types)
        rows = np.fromfile(
            self._path(run, "rows"), np.int64, (stop - start) * width, offset=start * width * 8
        )
        return rows.reshape(-1, width)

    def _range(self, parts: list[Ints]) -> Columns:
        whole = np.ascontiguousarray(np.concatenate(parts).T)
        columns: Columns = {
            name: row.view(kind) for row, (name, kind) in zip(whole, self._types.items(), strict=True)
        }
        key = columns.pop(_KEY)
        columns["series"] = key // _SPAN
        order = np.lexsort([columns[name] for name in ("row", "origin", "valid", "series")])
        return {name: values[order] for name, values in columns.items()}

    def _save(self) -> None:
        if not self._count:
            return
        whole = [
            np.concatenate([part[name] for part in self._pending]).view(np.int64) for name in self._types
        ]
        rows = np.stack(whole, axis=1)[np.argsort(whole[0], kind="stable")]
        rows[:, 0].tofile(self._path(self._runs, "keys"))
        rows.tofile(self._path(self._runs, "rows"))
        self._runs += 1
        self._pending, self._count = [], 0

    def _path(self, run: int, what: str) -> Path:
        return self.folder / f"{run}-{what}"


def sort_key(series: Ints, valid: Times) -> Ints:
    """Return numbers that order rows by series, then by the second of their valid time."""
    return series * _SPAN + (valid // _SECOND + _SPAN // 2)


def _edges(keys: Sequence[Ints]) -> Ints:
    """Return keys between which all runs together have at most about `_MOST_RANGE` rows, from below the first to above the last."""
    step = max(1, _MOST_RANGE // (2 * max(1, len(keys))))
    samples = np.sort(np.concatenate([np.zeros(0, np.int64), *(key[::step] for key in keys)]))
    inner = np.unique(samples[len(keys) :: len(keys)]) if len(samples) else samples
    if not len(samples):
        return samples
    edges = [int(samples[0]), *inner[inner > samples[0]].tolist(), np.iinfo(np.int64).max]
    return np.array(edges, np.int64)
