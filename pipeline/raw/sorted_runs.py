"""The typed rows of one file as sorted runs, each with an index by key.

Rows arrive in the order of lines, with any number of series interleaved.  Each block of lines is sorted into one
run. Runs stay in memory up to a limit; after that, several are merged into one run on disk.  A table is then merged
from the parts of the runs that hold its series.  So memory is bounded for files of any size and order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import BufferPool, Ints, Key
from hindcast.pipeline.raw.records import Records, sorting_order

Block = Ints  # (field, row): line, times, and the bits of values


@dataclass(frozen=True)
class Run:
    """Sorted rows: the rows of `keys[i]` (ascending) are [starts[i], starts[i + 1]).

    `block` is None for a run on disk.  Its file is ordered by key, and within a key by field.
    """

    path: Path
    keys: list[Key]
    starts: list[int]
    times: int  # number of time fields
    values: int
    block: Block | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.starts[-1]

    @property
    def fields(self) -> int:
        """Number of fields."""
        return 1 + self.times + self.values

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return 8 * self.rows * self.fields

    def save(self) -> Run:
        """Write the run to its file; returns the run on disk."""
        if self.block is not None:
            pieces = (self.block[:, start:stop] for start, stop in pairwise(self.starts))
            _write(self.path, pieces)
        return replace(self, block=None)

    def group(self, group: str) -> tuple[int, int]:
        """Return the range [first, end) of a group's keys."""
        # names contain no NUL
        return bisect_left(self.keys, (group, "")), bisect_left(self.keys, (group + "\0", ""))

    def read_keys(self, first: int, end: int) -> Block:
        """Return all rows of the keys [first, end)."""
        start, stop = self.starts[first], self.starts[end]
        if self.block is not None:
            return self.block[:, start:stop]
        content = np.empty(self.fields * (stop - start), np.int64)
        self._load(content, start * self.fields)
        if end - first == 1:
            return content.reshape(self.fields, -1)
        parts = (content[at * self.fields : after * self.fields].reshape(self.fields, -1)
                 for at, after in pairwise(place - start for place in self.starts[first : end + 1]))  # fmt: skip
        return np.concatenate(list(parts), axis=1)

    def read_rows(self, place: int, start: int, stop: int) -> Block:
        """Return the rows [start, stop), which all belong to the key at index `place`."""
        if self.block is not None:
            return self.block[:, start:stop]
        first, after = self.starts[place], self.starts[place + 1]
        if (first, after) == (start, stop):
            return self.read_keys(place, place + 1)
        content = np.empty((self.fields, stop - start), np.int64)
        for field, row in enumerate(content):
            self._load(row, first * self.fields + field * (after - first) + start - first)
        return content

    def first_at(self, time: int, place: int, start: int, stop: int) -> int:
        """Return the first row in [start, stop) of key `place` with a valid time of at least `time`; else `stop`."""
        return start + bisect_left(range(start, stop), time, key=lambda row: self.valid_time(place, row))

    def valid_time(self, place: int, row: int) -> int:
        """Return the valid time of a row of the key at index `place`."""
        if self.block is not None:
            return int(self.block[1, row])
        time = np.empty(1, np.int64)
        first, after = self.starts[place], self.starts[place + 1]
        self._load(time, first * self.fields + (after - first) + row - first)  # the second field
        return int(time[0])

    def _load(self, numbers: Ints, at: int) -> None:
        with self.path.open("rb", buffering=0) as stream:
            stream.seek(8 * at)
            got = stream.readinto(numbers.data)
        assert got == numbers.nbytes, f"{self.path} is truncated"  # callers have compared digests before


def make_run(keys: list[Key], records: Records, buffers: BufferPool) -> Run:
    """Sort records, whose `key` refers to `keys`, into a run in memory; equal rows keep the order of lines."""
    counts = np.bincount(records.key, minlength=len(keys))
    present = sorted(np.flatnonzero(counts).tolist(), key=keys.__getitem__)
    rank = np.zeros(len(keys), np.int32)
    rank[present] = np.arange(len(present))
    order = sorting_order(rank[records.key], records.times)
    count, columns = len(records), records.columns
    block = buffers.acquire((len(columns), count), np.dtype(np.int64))
    for target, column in zip(block, columns, strict=True):
        numbers = column.view(np.int64)
        if order is None:
            target[:] = numbers
        else:
            np.take(numbers, order, out=target, mode="clip")  # other modes make another copy
    starts = [0, *np.cumsum(counts[present]).tolist()]
    named = [keys[code] for code in present]
    return Run(Path(), named, starts, len(records.times), len(records.values), block)


class RunWriter:
    """Collects the runs of one file's blocks in the order of lines; runs beyond the memory limit go to `folder`."""

    def __init__(self, folder: Path, pool: Executor, buffers: BufferPool, run_bytes: int) -> None:
        self._folder, self._pool, self._buffers, self._run_bytes = folder, pool, buffers, run_bytes
        self._pending: list[Run] = []
        self._writing: Future[Run] | None = None
        self._runs: list[Run] = []

    def add(self, run: Run) -> None:
        """Add the run of the next block."""
        if not run.rows:
            return
        if not self._pending and self._writing is None and self._buffers.reserve(run.nbytes):
            self._runs.append(replace(run, path=self._path()))
            return
        self._pending.append(run)
        if sum(pending.nbytes for pending in self._pending) >= self._run_bytes:
            self._write()

    def close(self) -> list[Run]:
        """Write the pending runs; returns all runs in the order of lines."""
        if self._pending:
            self._write()
        self.wait()
        return self._runs

    def wait(self) -> None:
        """Wait until the current run is written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._runs.append(writing.result())

    def _path(self) -> Path:
        return self._folder / f"run_{len(self._runs):05d}"

    def _write(self) -> None:
        self.wait()
        self._writing = self._pool.submit(_merge, self._path(), self._pending)
        self._pending = []


def _merge(path: Path, parts: list[Run]) -> Run:
    """Merge several runs into one on disk."""
    slices: dict[Key, list[Block]] = {}
    for part in parts:
        assert part.block is not None
        for key, (start, stop) in zip(part.keys, pairwise(part.starts), strict=True):
            slices.setdefault(key, []).append(part.block[:, start:stop])
    keys, times = sorted(slices), parts[0].times
    _write(path, (_sort_by_time(slices[key], times) for key in keys))
    counts = [sum(piece.shape[1] for piece in slices[key]) for key in keys]
    return Run(path, keys, [0, *np.cumsum(counts).tolist()], times, parts[0].values)


def _sort_by_time(pieces: list[Block], times: int) -> Block:
    """Sort the rows of one key by their times."""
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
    order = sorting_order(whole[1], tuple(whole[2 : 1 + times]))
    return whole if order is None else whole[:, order]


def _write(path: Path, pieces: Iterator[Block]) -> None:
    with path.open("wb") as stream:
        for piece in pieces:
            stream.write(np.ascontiguousarray(piece).data)
