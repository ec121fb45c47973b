"""The rows that several files hold of one group -> its table, and what became of each row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.raw.merge_rows import (
    Merged,
    RowGroups,
    Slice,
    batches,
    known_moments,
    merge,
    slices_of,
)
from hindcast.pipeline.raw.records import Codes, Records, order_of, row_bytes
from hindcast.pipeline.raw.reject_rules import BadRows, joined
from hindcast.pipeline.raw.sorted_runs import Block, Run
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import ROWS_A_PIECE, TableWriter, table_schema, table_writer

MERGE_BYTES = 8 << 20


@dataclass(frozen=True)
class Rules:
    """What says how rows are merged: the source, the frequency in ns, and the group's zone."""

    source: Source
    frequency: int
    zone: str


@dataclass(frozen=True)
class Settled:
    """What became of the rows of a group: rows of its table, and of each file rows stored, folded and put aside."""

    rows: int
    stored: list[int]
    folded: list[int]
    aside: list[BadRows]


def write_group_table(
    path: Path,
    group: str,
    parts: list[list[Run]],
    rules: Rules,
    buffers: BufferPool,
    *,
    merge_bytes: int = MERGE_BYTES,
) -> Settled:
    """Merge a group's rows from the runs of its files, in the order of files, and write its table to `path`.

    About `merge_bytes` of rows are in memory at once beyond a row group.  Where no row is left there is no file.
    """
    source = rules.source
    slices = slices_of(group, parts)
    outcome = _Outcome(group, list(slices), len(parts))
    most = max(1, merge_bytes // row_bytes(source))
    rows = RowGroups(buffers, source, ROWS_A_PIECE + most)
    with table_writer(path, table_schema(source)) as writer:
        for batch in batches(slices, most):
            _merge_into(rows, outcome, batch, source.duplicates)
            while rows.count >= ROWS_A_PIECE:
                _write(writer, rows, ROWS_A_PIECE, outcome.names, rules)
        _write(writer, rows, rows.count, outcome.names, rules)
    if not writer.rows:
        path.unlink()
    return Settled(writer.rows, outcome.stored, outcome.folded, [joined(bad) for bad in outcome.aside])


class _Outcome:
    """What became of the rows of a group whose series have these names, in order."""

    def __init__(self, group: str, names: list[str], files: int) -> None:
        self.group, self.names = group, names
        self.places = {name: place for place, name in enumerate(names)}
        self.stored, self.folded = [0] * files, [0] * files
        self.aside: list[list[BadRows]] = [[] for _ in range(files)]

    def add(self, merged: Merged, records: Records, files: Codes) -> None:
        count = len(self.stored)
        stored = files if merged.kept is None else files[merged.kept]
        for totals, places in ((self.stored, stored), (self.folded, files[merged.folded])):
            for file, rows in enumerate(np.bincount(places, minlength=count).tolist()):
                totals[file] += rows
        for file in np.unique(files[merged.aside]).tolist():
            rows = merged.aside[files[merged.aside] == file]
            series = np.array(self.names, object)[records.key[rows]]
            self.aside[file].append(
                BadRows(
                    records.line[rows],
                    np.full(len(rows), merged.rule, np.uint8),
                    np.full(len(rows), -1, np.int32),
                    np.full(len(rows), self.group, object),
                    series,
                )
            )


def _merge_into(rows: RowGroups, outcome: _Outcome, batch: list[Slice], duplicates: str) -> None:
    """Read a batch of slices, settle their rows and put what is stored behind the rows that are there."""
    count = sum(piece.rows for piece in batch)
    block, series = rows.behind(count)
    files = _read(batch, outcome.places, block, series)
    records = rows.records(rows.count, rows.count + count)
    order = order_of(series, records.times)
    if order is not None:
        files = files[order]
        for row in (*block, series):
            row[:] = row[order]
    merged = merge(records, duplicates)
    outcome.add(merged, records, files)
    if merged.kept is not None:
        count = len(merged.kept)
        for row in (*block, series):
            row[:count] = row[merged.kept]
    rows.count += count


def _read(batch: list[Slice], places: dict[str, int], block: Block, series: Codes) -> Codes:
    """Fill in the rows of a batch, slice after slice; returns the place of each row's file."""
    np.concatenate([piece.read() for piece in batch], axis=1, out=block)
    codes: list[int] = []
    counts: list[int] = []
    for piece in batch:
        codes += [places[name] for _, name in piece.run.keys[piece.first : piece.end]]
        borders = pairwise(piece.run.starts[piece.first : piece.end + 1])
        counts += [piece.rows] if piece.end - piece.first == 1 else [stop - start for start, stop in borders]
    series[:] = np.repeat(np.array(codes, np.int32), counts)
    return np.repeat(np.array([piece.file for piece in batch], np.int32), [piece.rows for piece in batch])


def _write(writer: TableWriter, rows: RowGroups, count: int, names: list[str], rules: Rules) -> None:
    if count:
        known = known_moments(rows.records(0, count), rules.source, rules.frequency, rules.zone)
        writer.write(rows.table(count, names, known))
        rows.leave(count)
