"""Merges the rows of one group from several files into its table, and counts what became of each row.

Slices of runs are read in batches, so that memory is bounded and no rows are sorted twice.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import BufferPool, Flags, Ints
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.known_moments import known_moments
from hindcast.pipeline.raw.off_grid import MARGIN, classify_stamps
from hindcast.pipeline.raw.quality_findings import TableFindings
from hindcast.pipeline.raw.quality_scan import QualityScan
from hindcast.pipeline.raw.records import (
    Codes,
    Records,
    repeats_previous,
    row_bytes,
    sorting_order,
    time_fields,
)
from hindcast.pipeline.raw.reject_rules import (
    CONFLICT,
    OFF_GRID,
    OFF_GRID_EMPTY,
    REMEDIES,
    RULES,
    SUPERSEDED,
    BadRowLimit,
    RejectedRows,
    join_rejected,
)
from hindcast.pipeline.raw.run_slices import Batch, Slice, find_slices, iter_batches_in_context
from hindcast.pipeline.raw.sorted_runs import Block, Run
from hindcast.pipeline.raw.stamp_counts import StampCounts
from hindcast.pipeline.settings.coarser import lengths_at
from hindcast.pipeline.settings.known import AfterStep, may_precede_step
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.tables import (
    ROWS_A_PIECE,
    STAMP,
    TableWriter,
    readable_name,
    split_member,
    table_schema,
)

_MOST_AT_ONE_TIME = (
    4_000_000  # rows of one series with one valid time; they are in memory together: half a GB
)


@dataclass(frozen=True)
class TableRules:
    """The settings of a group's table: its source, how timestamps fall into steps, and the group's zone.

    `place` names the table in messages; `bad_allowed` is `raw.max_bad_fraction`.
    """

    source: Source
    grid: StampGrid
    zone: str
    place: str = ""
    bad_allowed: float = 1.0


@dataclass(frozen=True)
class TableOutcome:
    """What became of a group's rows: the rows of its table, and per file the rows stored, folded and rejected."""

    rows: int
    stored: list[int]
    folded: list[int]
    rejected: list[RejectedRows]
    stamps: StampCounts = field(default_factory=StampCounts)
    quality: TableFindings = field(default_factory=TableFindings)


def write_group_table(
    path: Path,
    group: str,
    parts: list[list[Run]],
    rules: TableRules,
    buffers: BufferPool,
    *,
    merge_bytes: int,
) -> TableOutcome:
    """Merge a group's rows from the runs of its files, in the order of files, and write its table to `path`.

    `parts` are the runs of each file.  Besides one row group, about `merge_bytes` of rows are in memory at once.  If
    there are no rows to store, no file is written.
    """
    source = rules.source
    slices = find_slices(group, parts)
    names = list(slices)
    shown = [readable_name(name) for name in names]
    scan = QualityScan(source, rules.grid.frequency, rules.zone, shown, rules.grid)
    limit = BadRowLimit(rules.place, rules.bad_allowed)
    counter = _RowCounter(group, names, len(parts), scan, limit)
    most = max(1, merge_bytes // row_bytes(source))
    rows = RowGroups(buffers, source, ROWS_A_PIECE + most)
    with closing(TableWriter(path, table_schema(source))) as writer:
        for batch in iter_batches_in_context(slices, most, MARGIN * rules.grid.frequency):
            _check_size(batch, most, rules)
            _merge_into(rows, counter, batch, rules)
            while rows.count >= ROWS_A_PIECE:
                _write(writer, rows, ROWS_A_PIECE, names, rules)
        _write(writer, rows, rows.count, names, rules)
    if not writer.rows:
        path.unlink()
    rejected = [join_rejected(parts) for parts in counter.rejected]
    stored, folded = counter.stored, counter.folded
    return TableOutcome(writer.rows, stored, folded, rejected, counter.stamps, counter.scan.finish())


def _check_size(batch: Batch, most: int, rules: TableRules) -> None:
    """Refuse a batch that is far larger than `most` rows, because too many rows of one series have the same valid time."""
    count = sum(piece.rows for piece in batch.slices)
    if count > _MOST_AT_ONE_TIME + 4 * most:
        piece = max(batch.slices, key=lambda piece: piece.rows)
        time = np.datetime64(piece.run.valid_time(piece.first, (piece.start + piece.stop) // 2), "ns")
        raise RawDataError(
            f"{rules.place}: about {count:,} rows of series {readable_name(piece.run.keys[piece.first][1])!r} have the same valid time "
            f"or nearly so, {time.astype('datetime64[s]')}Z; at most {_MOST_AT_ONE_TIME:,} can be compared. Are `series` and `valid_time` "
            "the right columns? Correct them, or remove the repeated rows from the files. Nothing was replaced."
        )


class _RowCounter:
    """Counts the rows of a group per file; `names` are the names of its series, in order.

    `scan` checks the values of the rows to store.
    """

    def __init__(
        self, group: str, names: list[str], files: int, scan: QualityScan, limit: BadRowLimit
    ) -> None:
        self.group, self.names, self.scan, self.limit = group, names, scan, limit
        self.places = {name: place for place, name in enumerate(names)}
        self.stored, self.folded = [0] * files, [0] * files
        self.rejected: list[list[RejectedRows]] = [[] for _ in range(files)]
        self.stamps = StampCounts()

    def add(
        self, kept: Ints, folded: Ints, rejected: dict[int, Ints], records: Records, files: Codes
    ) -> None:
        """Count rows to store, rows folded, and rows rejected by each rule."""
        count = len(self.stored)
        for totals, rows in ((self.stored, kept), (self.folded, folded)):
            for file, number in enumerate(np.bincount(files[rows], minlength=count).tolist()):
                totals[file] += number
        self.limit.add(len(kept) + len(folded), np.empty(0, np.uint8), lambda _: "")
        for rule, of_rule in rejected.items():
            self._check_limit(rule, of_rule, records)
            for file in np.unique(files[of_rule]).tolist():
                rows = of_rule[files[of_rule] == file]
                line, series = (
                    records.line[rows],
                    np.array([*map(readable_name, self.names)], object)[records.key[rows]],
                )
                self.rejected[file].append(RejectedRows.without_column(line, rule, self.group, series))

    def _check_limit(self, rule: int, rows: Ints, records: Records) -> None:
        def example(at: int) -> str:
            line, name = records.line[rows[at]], readable_name(self.names[records.key[rows[at]]])
            return f"line {line} of series {name!r}: {RULES[rule]} ({REMEDIES.get(rule, '')})"

        self.limit.add(len(rows), np.full(len(rows), rule, np.uint8), example)


def _merge_into(rows: RowGroups, counter: _RowCounter, batch: Batch, rules: TableRules) -> None:
    """Read a batch, resolve duplicates, find strays off the grid, and append the rows to store to `rows`."""
    count = sum(piece.rows for piece in batch.slices)
    block, series = rows.append_space(count)
    files = _read(batch.slices, counter.places, block, series)
    records = rows.records(rows.count, rows.count + count)
    order = sorting_order(series, records.times)
    if order is not None:
        files = files[order]
        for row in (*block, series):
            row[:] = row[order]
    merged = resolve_duplicates(records, rules.source.duplicates)
    kept, strays = _check_stamps(records, merged.kept, batch, rules, (counter.stamps, files))
    is_empty = np.logical_and.reduce([np.isnan(column[strays]) for column in records.values])
    rejected = {
        merged.rule: _inside(merged.rejected, records, batch),
        OFF_GRID: strays[~is_empty],
        OFF_GRID_EMPTY: strays[is_empty],
    }
    counter.add(kept, _inside(merged.folded, records, batch), rejected, records, files)
    if len(kept) < count:
        count = len(kept)
        for row in (*block, series):
            row[:count] = row[kept]
    counter.scan.add(rows.records(rows.count, rows.count + count), whole=batch.low is None)
    rows.count += count


def _check_stamps(
    records: Records, kept: Ints | None, batch: Batch, rules: TableRules, counts: tuple[StampCounts, Codes]
) -> tuple[Ints, Ints]:
    """Return the rows to store and the strays off the grid, without the rows around the batch; count their timestamps.

    `kept` are the rows without duplicates (None: all); `counts` are the counts of the group and each row's file.
    """
    rows = np.arange(len(records)) if kept is None else kept
    inside = _inside(np.arange(len(rows)), records if kept is None else records.take(rows), batch)
    source, (stamps, files) = rules.source, counts
    stamps.rows += len(inside)
    if source.is_static or not len(rows):
        return rows[inside], rows[:0]
    found = records if kept is None else records.take(rows)
    has_value = ~np.logical_and.reduce([np.isnan(column) for column in found.values])
    valid, grid = found.times[0], rules.grid
    if source.has_issue:
        places = files[rows][inside], found.line[inside]
        stamps.add_issued([times[inside] for times in found.times], grid, places)
    kinds = classify_stamps(found.key, found.times[1] if source.has_issue else None, valid, has_value, grid)
    if source.role == "realized" and not (
        may_precede_step(source.known) or isinstance(source.known, AfterStep)
    ):
        length = np.full(len(rows), grid.pitch) if kinds is None else kinds.length
        length = np.maximum(length, lengths_at(source.coarser, valid, 0))
        measured = inside[has_value[inside] if kinds is None else (has_value & ~kinds.stray)[inside]]
        known = known_moments(found, source, grid, rules.zone)[measured]
        places = files[rows][measured], found.line[measured]
        spans = grid.elapsed(valid[measured], length[measured])
        stamps.add_measured(valid[measured], known, spans, places)
    if kinds is None:
        return rows[inside], rows[:0]
    of_batch = kinds.take(inside)
    stamps.add_kinds(of_batch, valid[inside], (files[rows][inside], found.line[inside]), grid)
    return rows[inside[~of_batch.stray]], rows[inside[of_batch.stray]]


def _inside(rows: Ints, records: Records, batch: Batch) -> Ints:
    """Return those of some rows that belong to the batch itself, not to the rows around it."""
    if batch.low is None or batch.high is None:
        return rows
    valid = records.times[0][rows]
    return rows[(valid >= batch.low) & (valid <= batch.high)]


def _read(batch: list[Slice], places: dict[str, int], block: Block, series: Codes) -> Codes:
    """Fill `block` and `series` with the rows of a batch, slice by slice; returns each row's file number."""
    np.concatenate([piece.read() for piece in batch], axis=1, out=block)
    codes: list[int] = []
    counts: list[int] = []
    for piece in batch:
        codes += [places[name] for _, name in piece.run.keys[piece.first : piece.end]]
        bounds = pairwise(piece.run.starts[piece.first : piece.end + 1])
        counts += [piece.rows] if piece.end - piece.first == 1 else [stop - start for start, stop in bounds]
    series[:] = np.repeat(np.array(codes, np.int32), counts)
    return np.repeat(np.array([piece.file for piece in batch], np.int32), [piece.rows for piece in batch])


def _write(writer: TableWriter, rows: RowGroups, count: int, names: list[str], rules: TableRules) -> None:
    if count:
        records = rows.records(0, count)
        known = known_moments(records, rules.source, rules.grid, rules.zone)
        writer.write(rows.table(count, names, known))
        rows.remove(count)


# --- rows in memory -------------------------------------------------------------------------------------------


class RowGroups:
    """A queue of `count` sorted rows: rows are appended at the end, and whole row groups are removed at the front."""

    def __init__(self, buffers: BufferPool, source: Source, capacity: int) -> None:
        self.count = 0
        self._buffers, self._source = buffers, source
        self._times = len(time_fields(source))
        self._fields = 1 + self._times + len(source.values)
        self._reserve(capacity)

    def append_space(self, count: int) -> tuple[Block, Codes]:
        """Return memory for `count` more rows (fields and series); the caller fills it and increases `self.count`."""
        if self.count + count > self._capacity:  # many rows of one series at one time: they cannot be split
            self._grow(self.count + count)
        part = slice(self.count, self.count + count)
        return self._block[:, part], self._series[part]

    def records(self, start: int, stop: int) -> Records:
        """Return a view of some rows."""
        block = self._block[:, start:stop]
        values = block[1 + self._times :].view(np.float64)
        return Records(self._series[start:stop], block[0], tuple(block[1 : 1 + self._times]), tuple(values))

    def table(self, count: int, names: list[str], known: Ints) -> pa.Table:
        """Return the first rows as a table that is valid until they are removed; `names` are the series names."""
        records, source = self.records(0, count), self._source
        schema = table_schema(source)
        series = pa.DictionaryArray.from_arrays(pa.array(records.key), pa.array(names, pa.string()))
        columns: dict[str, Any] = {"series": series.cast(pa.string())}
        if source.has_members:
            parts = zip(*map(split_member, names), strict=True)
            columns = {
                field: pa.DictionaryArray.from_arrays(series.indices, pa.array(part, pa.string())).cast(
                    pa.string()
                )
                for field, part in zip(("series", "member"), parts, strict=True)
            }
        if "issue_time" in schema.names:
            columns["issue_time"] = _as_stamps(records.times[1] if source.has_issue else known)
        columns["valid_time"], columns["known_time"] = _as_stamps(records.times[0]), _as_stamps(known)
        values = schema.names[len(columns) :]
        for name, column in zip(values, records.values, strict=True):
            # the minimum is NaN if a value is missing: this is cheaper than searching for nulls
            columns[name] = pa.array(column, pa.float64(), from_pandas=bool(np.isnan(column.min())))
        return pa.table(columns, schema)

    def remove(self, count: int) -> None:
        """Remove the first rows."""
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


def _as_stamps(times: Ints) -> pa.Array:
    return pa.array(times).view(STAMP)


# --- duplicates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MergeResult:
    """Indices of sorted rows: rows to store (None: all), rows rejected by `rule`, and rows folded into an equal row."""

    kept: Ints | None
    rejected: Ints
    rule: int
    folded: Ints


def resolve_duplicates(records: Records, duplicates: str) -> MergeResult:
    """Resolve rows with the same key and times among sorted records (`records.sorting_order`).

    Rows with equal values (missing equals missing) are repeats: one is kept.  Rows with different
    values conflict: `quarantine` rejects all of them; `first` and `last` keep the first or last row in the order
    of files and lines and reject the others as superseded.
    """
    none = np.empty(0, np.int64)
    same = repeats_previous(records.key, records.times)
    if not same.any():
        return MergeResult(None, none, CONFLICT, none)
    shared = same.copy()  # rows that have the same key and times as another row
    shared[:-1] |= same[1:]
    rows = np.flatnonzero(shared)
    starts = np.flatnonzero(~same[rows])
    lengths = np.diff([*starts, len(rows)])
    chosen = starts + lengths - 1 if duplicates == "last" else starts
    alike = _equal(records, rows, rows[np.repeat(chosen, lengths)])
    kept = np.zeros(len(rows), np.bool_)
    kept[chosen] = True
    rejected, rule = ~alike, SUPERSEDED
    if duplicates == "quarantine":
        rejected, rule = np.repeat(~np.logical_and.reduceat(alike, starts), lengths), CONFLICT
    stored = ~shared
    stored[rows[kept & ~rejected]] = True
    return MergeResult(np.flatnonzero(stored), rows[rejected], rule, rows[~kept & ~rejected])


def _equal(records: Records, rows: Ints, others: Ints) -> Flags:
    alike = np.ones(len(rows), np.bool_)
    for column in records.values:
        left, right = column[rows], column[others]
        alike &= (left == right) | (np.isnan(left) & np.isnan(right))
    return alike
