"""The typed rows of one file as sorted runs on disk, each with an index by key.

Rows arrive in the order of lines, of any number of series interleaved.  They are gathered up to a bound,
sorted, and written as one run: its columns one after the other.  A table is then merged from the slices
that each run holds of its series.  So memory is bounded by a run, whatever the size and order of a file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.raw.records import Codes, Key, Places, Records, order_of

RUN_BYTES = 64 << 20
_TIDY_BYTES = 256 << 20
ROOM_BYTES = 128 << 20


@dataclass(frozen=True)
class Run:
    """A file of `rows` sorted rows: those of `keys[i]` (ascending) stand in [starts[i], starts[i + 1]).

    `columns` are there while the run is in memory, which it is instead of the file or besides.
    """

    path: Path
    rows: int
    keys: list[Key]
    starts: list[int]
    times: int  # number of time columns
    values: int
    columns: tuple[NDArray[Any], ...] = ()

    def save(self) -> Run:
        """The run as a file."""
        if self.columns:
            with self.path.open("wb") as stream:
                for column in self.columns:
                    stream.write(column.data)
        return replace(self, columns=())

    def group(self, group: str) -> tuple[int, int]:
        """The keys of a group, as places [first, end)."""
        return bisect_left(self.keys, (group, "")), bisect_left(
            self.keys, (group + "\0", "")
        )  # names hold no NUL

    def read_into(self, columns: Sequence[NDArray[Any]], start: int, stop: int) -> tuple[int, Codes]:
        """Read the columns of rows [start, stop); return the place of the first row's key, and each row's beyond it."""
        if self.columns:
            for source, target in zip(self.columns, columns, strict=True):
                target[:] = source[start:stop].view(target.dtype)
        else:
            self._load(columns, start)
        first = bisect_right(self.starts, start) - 1
        end = bisect_left(self.starts, stop)
        borders = np.clip(np.array(self.starts[first : end + 1]), start, stop)
        return first, np.repeat(np.arange(end - first, dtype=np.int32), np.diff(borders))

    def first_at(self, moment: int, start: int, stop: int) -> int:
        """The first of the rows [start, stop) of one key that is valid at `moment` or later."""
        while start < stop:
            middle = (start + stop) // 2
            if self.valid_time(middle) < moment:
                start = middle + 1
            else:
                stop = middle
        return start

    def valid_time(self, row: int) -> int:
        """The valid time of a row."""
        column = np.empty(1, np.int64)
        if self.columns:
            return int(self.columns[1][row])
        self._load([column], self.rows + row)  # the second column
        return int(column[0])

    def _load(self, columns: Sequence[NDArray[Any]], start: int) -> None:
        with self.path.open("rb", buffering=0) as stream:
            for place, column in enumerate(columns):
                stream.seek((place * self.rows + start) * 8)
                got = stream.readinto(column.data)
                assert got == column.nbytes, f"{self.path} is cut off"  # digests were compared before


class Room:
    """How many bytes of runs stay in memory; what finds no room goes to disk."""

    def __init__(self, most_bytes: int) -> None:
        self._free = most_bytes
        self._passed = 0
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Whether there is room for so many bytes; if so it is taken."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def tidy(self, count: int) -> None:
        """Hand free memory back to the system after every 256 MiB of rows: what lies free between blocks would grow."""
        with self._lock:
            before, self._passed = self._passed, self._passed + count
        if before // _TIDY_BYTES != self._passed // _TIDY_BYTES:
            pa.default_memory_pool().release_unused()

    def give_back(self, count: int) -> None:
        """These bytes are in memory no longer."""
        with self._lock:
            self._free += count


class RunWriter:
    """Takes the rows of one file, block by block, and writes its runs into `folder`, beside the reading."""

    def __init__(self, folder: Path, pool: Executor, room: Room, run_bytes: int = RUN_BYTES) -> None:
        self._folder, self._pool, self._room, self._run_bytes = folder, pool, room, run_bytes
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
        self._writing = self._pool.submit(_write_run, path, list(self._codes), self._pending, self._room)
        self._pending, self._pending_bytes = [], 0


def _write_run(path: Path, names: list[Key], parts: list[Records], room: Room) -> Run:
    rank = np.empty(len(names), np.int32)
    by_name = sorted(range(len(names)), key=names.__getitem__)
    rank[by_name] = np.arange(len(names))
    key = rank[
        np.concatenate([part.key for part in parts])
    ]  # neighbours in a table lie side by side in the run
    times, values = len(parts[0].times), len(parts[0].values)
    counts = np.bincount(key, minlength=len(names))
    stamps = zip(*(part.times for part in parts), strict=True)
    order = order_of(key, [np.concatenate(column) for column in stamps])
    sorted_columns = (
        _in_order(column, order) for column in zip(*(part.columns for part in parts), strict=True)
    )
    columns: tuple[NDArray[Any], ...] = ()
    if room.take(8 * len(key) * len(parts[0].columns)):
        columns = tuple(sorted_columns)
    else:
        with path.open("wb") as stream:
            for column in sorted_columns:
                stream.write(column.data)
    parts.clear()
    room.tidy(8 * len(key) * (1 + times + values))
    present = np.flatnonzero(counts)
    return Run(
        path,
        len(key),
        [names[by_name[code]] for code in present],
        [0, *np.cumsum(counts[present]).tolist()],
        times,
        values,
        columns,
    )


def _in_order(parts: Sequence[NDArray[Any]], order: Places | None) -> NDArray[Any]:
    whole: NDArray[Any] = np.concatenate(parts)
    return whole if order is None else whole[order]
