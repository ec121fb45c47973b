"""Merges the rows of one group from several files into its table, and counts what became of each row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.raw.merge_rows import (
    MergeResult,
    RowGroups,
    Slice,
    find_slices,
    iter_batches,
    known_moments,
    resolve_duplicates,
)
from hindcast.pipeline.raw.records import Codes, Records, row_bytes, sorting_order
from hindcast.pipeline.raw.reject_rules import RejectedRows, join_rejected
from hindcast.pipeline.raw.sorted_runs import Block, Run
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import ROWS_A_PIECE, TableWriter, table_schema


@dataclass(frozen=True)
class TableRules:
    """The settings of a group's table: its source, the frequency in ns, and the group's zone."""

    source: Source
    frequency: int
    zone: str


@dataclass(frozen=True)
class TableOutcome:
    """What became of a group's rows: the rows of its table, and per file the rows stored, folded and rejected."""

    rows: int
    stored: list[int]
    folded: list[int]
    rejected: list[RejectedRows]


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

    `parts` are the runs of each file.  About `merge_bytes` of rows beyond a row group are in memory at once.  Without
    rows to store there is no file.
    """
    source = rules.source
    slices = find_slices(group, parts)
    counter = _RowCounter(group, list(slices), len(parts))
    most = max(1, merge_bytes // row_bytes(source))
    rows = RowGroups(buffers, source, ROWS_A_PIECE + most)
    with closing(TableWriter(path, table_schema(source))) as writer:
        for batch in iter_batches(slices, most):
            _merge_into(rows, counter, batch, source.duplicates)
            while rows.count >= ROWS_A_PIECE:
                _write(writer, rows, ROWS_A_PIECE, counter.names, rules)
        _write(writer, rows, rows.count, counter.names, rules)
    if not writer.rows:
        path.unlink()
    return TableOutcome(
        writer.rows, counter.stored, counter.folded, [join_rejected(parts) for parts in counter.rejected]
    )


class _RowCounter:
    """Counts the rows of a group per file; `names` are those of its series, in order."""

    def __init__(self, group: str, names: list[str], files: int) -> None:
        self.group, self.names = group, names
        self.places = {name: place for place, name in enumerate(names)}
        self.stored, self.folded = [0] * files, [0] * files
        self.rejected: list[list[RejectedRows]] = [[] for _ in range(files)]

    def add(self, merged: MergeResult, records: Records, files: Codes) -> None:
        count = len(self.stored)
        stored = files if merged.kept is None else files[merged.kept]
        for totals, places in ((self.stored, stored), (self.folded, files[merged.folded])):
            for file, rows in enumerate(np.bincount(places, minlength=count).tolist()):
                totals[file] += rows
        for file in np.unique(files[merged.rejected]).tolist():
            rows = merged.rejected[files[merged.rejected] == file]
            groups = np.full(len(rows), self.group, object)
            series = np.array(self.names, object)[records.key[rows]]
            self.rejected[file].append(RejectedRows.of_rule(merged.rule, records.line[rows], groups, series))


def _merge_into(rows: RowGroups, counter: _RowCounter, batch: list[Slice], duplicates: str) -> None:
    """Read a batch of slices, resolve duplicates, and append the rows to store to `rows`."""
    count = sum(piece.rows for piece in batch)
    block, series = rows.append_space(count)
    files = _read(batch, counter.places, block, series)
    records = rows.records(rows.count, rows.count + count)
    order = sorting_order(series, records.times)
    if order is not None:
        files = files[order]
        for row in (*block, series):
            row[:] = row[order]
    merged = resolve_duplicates(records, duplicates)
    counter.add(merged, records, files)
    if merged.kept is not None:
        count = len(merged.kept)
        for row in (*block, series):
            row[:count] = row[merged.kept]
    rows.count += count


def _read(batch: list[Slice], places: dict[str, int], block: Block, series: Codes) -> Codes:
    """Fill `block` and `series` with the rows of a batch, slice after slice; returns each row's file number."""
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
        known = known_moments(rows.records(0, count), rules.source, rules.frequency, rules.zone)
        writer.write(rows.table(count, names, known))
        rows.remove(count)
