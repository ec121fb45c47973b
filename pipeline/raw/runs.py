"""The typed rows of one file as sorted runs on disk, each with an index by key.

Rows arrive in the order of lines, of any number of series interleaved.  They are gathered up to a bound,
sorted, and written as one run: its columns one after the other.  A table is then merged from the slices
that each run holds of its series.  So memory is bounded by a run, whatever the size and order of a file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.raw.records import Codes, Key, Records, order_of

RUN_BYTES = 64 << 20


@dataclass(frozen=True)
class Run:
    """A file of `rows` sorted rows: those of `keys[i]` (ascending) stand in [starts[i], starts[i + 1])."""

    path: Path
    rows: int
    keys: list[Key]
    starts: list[int]
    times: int  # number of time columns
    values: int

    def group(self, group: str) -> tuple[int, int]:
        """The keys of a group, as places [first, end)."""
        return bisect_left(self.keys, (group, "")), bisect_left(
            self.keys, (group + "\0", "")
        )  # names hold no NUL

    def read_into(self, columns: Sequence[NDArray[Any]], start: int, stop: int) -> tuple[int, Codes]:
        """Read the columns of rows [start, stop); return the place of the first row's key, and each row's beyond it."""
        with self.path.open("rb", buffering=0) as stream:
            for place, column in enumerate(columns):
                stream.seek((place * self.rows + start) * 8)
                got = stream.readinto(column.data)
                assert got == column.nbytes, f"{self.path} is cut off"  # digests were compared before
        first = bisect_right(self.starts, start) - 1
        end = bisect_left(self.starts, stop)
        borders = np.clip(np.array(self.starts[first : end + 1]), start, stop)
        return first, np.repeat(np.arange(end - first, dtype=np.int32), np.diff(borders))

    def first_at(self, moment: int, start: int, stop: int) -> int:
        """The first of the rows [start, stop) of one key that is valid at `moment` or later."""
        with self.path.open("rb", buffering=0) as stream:
            while start < stop:
                middle = (start + stop) // 2
                if self._valid(stream, middle) < moment:
                    start = middle + 1
                else:
                    stop = middle
        return start

    def valid_times(self, rows: Sequence[int]) -> list[int]:
        """The valid times of some rows."""
        with self.path.open("rb", buffering=0) as stream:
            return [self._valid(stream, row) for row in rows]

    def _valid(self, stream: Any, row: int) -> int:
        stream.seek((self.rows + row) * 8)
        return int.from_bytes(stream.read(8), "little", signed=True)


class RunWriter:
    """Takes the rows of one file, block by block, and writes its runs into `folder`, beside the reading."""

    def __init__(self, folder: Path, pool: Executor, run_bytes: int = RUN_BYTES) -> None:
        self._folder, self._pool, self._run_bytes = folder, pool, run_bytes
        self._codes: dict[Key, int] = {}
        self._pending: list[Records] = []
        self._pending_bytes = 0
        self._writing: Future[Run] | None = None
        self._runs: list[Run] = []

    def add(self, keys: list[Key], records: Records) -> None:
        """Add records whose `key` field refers to `keys`."""
        if not len(records):
            return
        codes = np.array([self._codes.setdefault(key, len(self._codes)) for key in keys], np.int32)
        self._pending.append(Records(codes[records.key], records.line, records.times, records.values))
        self._pending_bytes += records.nbytes
        if self._pending_bytes >= self._run_bytes:
            self._write()

    def close(self) -> list[Run]:
        """Write what is still in memory; the runs in the order of lines."""
        if self._pending:
            self._write()
        self.wait()
        return self._runs

    def wait(self) -> None:
        """Let the run that is being written come to its end."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._runs.append(writing.result())

    def _write(self) -> None:
        self.wait()
        path = self._folder / f"run_{len(self._runs):05d}"
        self._writing = self._pool.submit(_write_run, path, list(self._codes), self._pending)
        self._pending, self._pending_bytes = [], 0


def _write_run(path: Path, names: list[Key], parts: list[Records]) -> Run:
    rank = np.empty(len(names), np.int32)
    by_name = sorted(range(len(names)), key=names.__getitem__)
    rank[by_name] = np.arange(len(names))
    key = rank[
        np.concatenate([part.key for part in parts])
    ]  # neighbours in a table lie side by side in the run
    counts = np.bincount(key, minlength=len(names))
    times = zip(*(part.times for part in parts), strict=True)
    order = order_of(key, [np.concatenate(column) for column in times])
    with path.open("wb") as stream:
        for column in zip(*(part.columns for part in parts), strict=True):
            whole: NDArray[Any] = np.concatenate(column)
            stream.write((whole if order is None else whole[order]).data)
    present = np.flatnonzero(counts)
    return Run(
        path,
        len(key),
        [names[by_name[code]] for code in present],
        [0, *np.cumsum(counts[present]).tolist()],
        len(parts[0].times),
        len(parts[0].values),
    )
