"""A group's rows as slices of runs: which are read together, so that memory is bounded and nothing is sorted twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.raw.records import Codes, Places, Records, same_as_before, time_fields
from hindcast.pipeline.raw.reject_rules import CONFLICT, SUPERSEDED
from hindcast.pipeline.raw.sorted_runs import Block, Run
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import STAMP, table_schema

_LARGE_SLICE = 16  # rows that pay for a copy of their own


@dataclass(frozen=True)
class Slice:
    """Rows [start, stop) of a run of the file with place `file`: of one key, or all of the keys [first, end)."""

    order: int  # of the run among all runs: files, then lines
    file: int
    run: Run
    first: int
    end: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    def read(self) -> Block:
        """The rows, a field a row of the result."""
        if self.end - self.first == 1:
            return self.run.read_rows(self.first, self.start, self.stop)
        return self.run.read_keys(self.first, self.end)


def slices_of(group: str, parts: list[list[Run]]) -> dict[str, list[Slice]]:
    """The slices of each series, in the order of files and lines, series in order."""
    slices: dict[str, list[Slice]] = {}
    all_runs = [(file, run) for file, runs in enumerate(parts) for run in runs]
    for order, (file, run) in enumerate(all_runs):
        for place in range(*run.group(group)):
            piece = Slice(order, file, run, place, place + 1, run.starts[place], run.starts[place + 1])
            slices.setdefault(run.keys[place][1], []).append(piece)
    return dict(sorted(slices.items()))


def batches(slices: dict[str, list[Slice]], most: int) -> Iterator[list[Slice]]:
    """Neighbouring series together up to `most` rows; a larger series in pieces by time."""
    batch: list[Slice] = []
    rows = 0
    for found in slices.values():
        count = sum(piece.rows for piece in found)
        if batch and rows + count > most:
            yield _side_by_side(batch)
            batch, rows = [], 0
        if count > most:
            yield from (cut for cut in _pieces(found, most) if cut)
            continue
        rows += count
        batch += found
    if batch:
        yield _side_by_side(batch)


def _side_by_side(slices: list[Slice]) -> list[Slice]:
    """Slices of series after series as they are, or, where they are small, together run by run."""
    if sum(piece.rows for piece in slices) >= _LARGE_SLICE * len(slices):
        return slices  # read in this order, rows need no sorting where each file goes on in time
    runs: dict[int, Slice] = {}
    for piece in slices:
        before = runs.get(piece.order, piece)
        runs[piece.order] = replace(before, end=piece.end, stop=piece.stop)
    return [runs[order] for order in sorted(runs)]


def _pieces(slices: list[Slice], most: int) -> Iterator[list[Slice]]:
    """One series cut at moments, so that a piece has about half of `most` rows."""
    step = max(1, most // 16)
    sampled: list[tuple[int, int]] = []  # valid time, rows that it stands for
    for piece in slices:
        places = range(piece.start, piece.stop, step)
        sampled += [(piece.run.valid_time(piece.first, at), min(step, piece.stop - at)) for at in places]
    starts = [piece.start for piece in slices]
    rows, before = 0, None
    for time, count in sorted(sampled):
        if rows + count > most // 2 and time != before:
            stops = [
                piece.run.first_at(time, piece.first, start, piece.stop)
                for piece, start in zip(slices, starts, strict=True)
            ]
            yield _cut(slices, starts, stops)
            starts, rows = stops, 0
        rows, before = rows + count, time
    yield _cut(slices, starts, [piece.stop for piece in slices])


def _cut(slices: list[Slice], starts: list[int], stops: list[int]) -> list[Slice]:
    found = [
        replace(piece, start=start, stop=stop)
        for piece, start, stop in zip(slices, starts, stops, strict=True)
    ]
    return [piece for piece in found if piece.rows]


class RowGroups:
    """`count` rows, in order; more are read into the memory behind them, and whole row groups leave at the front."""

    def __init__(self, buffers: BufferPool, source: Source, capacity: int) -> None:
        self.count = 0
        self._buffers, self._source = buffers, source
        self._times = len(time_fields(source))
        self._fields = 1 + self._times + len(source.values)
        self._reserve(capacity)

    def behind(self, count: int) -> tuple[Block, Codes]:
        """Memory for the fields and series of `count` rows behind those that are there."""
        if self.count + count > self._capacity:  # many rows of one series at one time: they cannot be cut
            self._grow(self.count + count)
        part = slice(self.count, self.count + count)
        return self._block[:, part], self._series[part]

    def records(self, start: int, stop: int) -> Records:
        """A view of some rows."""
        block = self._block[:, start:stop]
        values = block[1 + self._times :].view(np.float64)
        return Records(self._series[start:stop], block[0], tuple(block[1 : 1 + self._times]), tuple(values))

    def table(self, count: int, names: list[str], known: NDArray[np.int64]) -> pa.Table:
        """The first rows as a table, valid until they leave; `names` are those of the series, `known` their moments."""
        records, source = self.records(0, count), self._source
        schema = table_schema(source)
        series = pa.DictionaryArray.from_arrays(pa.array(records.key), pa.array(names, pa.string()))
        columns: dict[str, Any] = {"series": series.cast(pa.string())}
        if "issue_time" in schema.names:
            columns["issue_time"] = _stamps(known if source.issue_time is None else records.times[1])
        columns["valid_time"], columns["known_time"] = _stamps(records.times[0]), _stamps(known)
        values = schema.names[len(columns) :]
        for name, column in zip(values, records.values, strict=True):
            # the least number is NaN where one is missing: cheaper to ask than to look for nulls one by one
            columns[name] = pa.array(column, pa.float64(), from_pandas=bool(np.isnan(column.min())))
        return pa.table(columns, schema)

    def leave(self, count: int) -> None:
        """Let go of the first rows."""
        for row in (*self._block, self._series):
            row[: self.count - count] = row[count : self.count]
        self.count -= count

    def _grow(self, capacity: int) -> None:
        block, series = self._block, self._series
        self._reserve(capacity)
        self._block[:, : self.count], self._series[: self.count] = (
            block[:, : self.count],
            series[: self.count],
        )

    def _reserve(self, capacity: int) -> None:
        self._capacity, numbers = capacity, capacity * self._fields
        memory = self._buffers.acquire((numbers + capacity,), np.dtype(np.int64))
        self._block = memory[:numbers].reshape(self._fields, capacity)
        self._series = memory[numbers:].view(np.int32)[:capacity]


def _stamps(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(times).view(STAMP)


@dataclass(frozen=True)
class Merged:
    """Places among sorted rows: of those to store (None: all), put aside by `rule`, and folded into an equal one."""

    kept: Places | None
    aside: Places
    rule: int
    folded: Places


def merge(records: Records, duplicates: str) -> Merged:
    """Settle rows with the same key and times among sorted records (`records.order_of`).

    Rows with equal values (missing equals missing) are repeats: one is kept.  Rows with other values
    contradict: `quarantine` puts all rows of these times aside, `first` and `last` keep that one in the
    order of files and lines and put the others aside as superseded.
    """
    none = np.empty(0, np.int64)
    same = same_as_before(records.key, records.times)
    if not same.any():
        return Merged(None, none, CONFLICT, none)
    shared = same.copy()  # rows that share key and times with another
    shared[:-1] |= same[1:]
    rows = np.flatnonzero(shared)
    starts = np.flatnonzero(~same[rows])
    lengths = np.diff([*starts, len(rows)])
    chosen = starts + lengths - 1 if duplicates == "last" else starts
    alike = _equal(records, rows, rows[np.repeat(chosen, lengths)])
    kept = np.zeros(len(rows), np.bool_)
    kept[chosen] = True
    aside, rule = ~alike, SUPERSEDED
    if duplicates == "quarantine":
        aside, rule = np.repeat(~np.logical_and.reduceat(alike, starts), lengths), CONFLICT
    stored = ~shared
    stored[rows[kept & ~aside]] = True
    return Merged(np.flatnonzero(stored), rows[aside], rule, rows[~kept & ~aside])


def known_moments(records: Records, source: Source, frequency: int, zone: str) -> NDArray[np.int64]:
    """When each row became known: by the source's rule, or as its column says."""
    if isinstance(source.known, PublishedAt):
        return records.times[-1]
    issue = records.times[1] if source.has_issue else None
    return source.known.moments(records.times[0], issue, frequency, zone)


def _equal(records: Records, rows: Places, others: Places) -> NDArray[np.bool_]:
    alike = np.ones(len(rows), np.bool_)
    for column in records.values:
        here, there = column[rows], column[others]
        alike &= (here == there) | (np.isnan(here) & np.isnan(there))
    return alike
