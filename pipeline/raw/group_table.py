"""The rows that several files hold of one group -> its table, and what became of each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.raw.faults import BadRows, joined
from pipeline.raw.merging import Merged, known_moments, merge
from pipeline.raw.records import Codes, Records, order_of, row_bytes, time_fields
from pipeline.raw.runs import Run
from pipeline.raw.tables import STAMP, table_schema, table_writer
from pipeline.settings.raw import Source

MERGE_BYTES = 16 << 20
_LARGE_SLICE = 500  # rows that pay for a read of their own


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


@dataclass(frozen=True)
class _Slice:
    """Rows [start, stop) of a run of the file with place `file`: one series, or several that lie side by side."""

    order: int  # of the run among all runs: files, then lines
    file: int
    run: Run
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


def write_group_table(
    path: Path, group: str, parts: list[list[Run]], rules: Rules, merge_bytes: int = MERGE_BYTES
) -> Settled:
    """Merge a group's rows from the runs of its files, in the order of files, and write its table to `path`.

    About `merge_bytes` of rows are in memory at once.  Where no row is left there is no file.
    """
    outcome = _Outcome(group, len(parts))
    most = max(1, merge_bytes // row_bytes(rules.source))
    with table_writer(path, table_schema(rules.source)) as writer:
        for names, batch in _batches(_slices_of(group, parts), most):
            writer.write(_merged(names, batch, outcome, rules))
    if not writer.rows:
        path.unlink()
    return Settled(writer.rows, outcome.stored, outcome.folded, [joined(bad) for bad in outcome.aside])


class _Outcome:
    def __init__(self, group: str, files: int) -> None:
        self.group = group
        self.stored, self.folded = [0] * files, [0] * files
        self.aside: list[list[BadRows]] = [[] for _ in range(files)]

    def add(self, merged: Merged, records: Records, files: Codes, names: list[str]) -> None:
        count = len(self.stored)
        stored = files if merged.kept is None else files[merged.kept]
        for totals, places in ((self.stored, stored), (self.folded, files[merged.folded])):
            for file, rows in enumerate(np.bincount(places, minlength=count).tolist()):
                totals[file] += rows
        for file in np.unique(files[merged.aside]).tolist():
            rows = merged.aside[files[merged.aside] == file]
            series = np.array(names, object)[records.key[rows]]
            self.aside[file].append(
                BadRows(
                    records.line[rows],
                    np.full(len(rows), merged.rule, np.uint8),
                    np.full(len(rows), -1, np.int32),
                    np.full(len(rows), self.group, object),
                    series,
                )
            )


def _merged(names: list[str], batch: list[_Slice], outcome: _Outcome, rules: Rules) -> pa.Table:
    source = rules.source
    records, files = _read(names, batch, source)
    order = order_of(records.key, records.times)
    if order is not None:
        records, files = records.take(order), files[order]
    merged = merge(records, source.duplicates)
    outcome.add(merged, records, files, names)
    known = known_moments(merged.stored, source, rules.frequency, rules.zone)
    return _table(merged.stored, names, known, source)


def _slices_of(group: str, parts: list[list[Run]]) -> dict[str, list[_Slice]]:
    """The slices of each series, in the order of files and lines, series in order."""
    slices: dict[str, list[_Slice]] = {}
    all_runs = [(file, run) for file, runs in enumerate(parts) for run in runs]
    for order, (file, run) in enumerate(all_runs):
        for place in range(*run.group(group)):
            piece = _Slice(order, file, run, run.starts[place], run.starts[place + 1])
            slices.setdefault(run.keys[place][1], []).append(piece)
    return dict(sorted(slices.items()))


def _batches(slices: dict[str, list[_Slice]], most: int) -> Iterator[tuple[list[str], list[_Slice]]]:
    """Neighbouring series together up to `most` rows; a larger series in pieces by time."""
    names: list[str] = []
    batch: list[_Slice] = []
    rows = 0
    for series, found in slices.items():
        count = sum(piece.rows for piece in found)
        if names and rows + count > most:
            yield names, _side_by_side(batch)
            names, batch, rows = [], [], 0
        if count > most:
            yield from (([series], piece) for piece in _pieces(found, most))
            continue
        names.append(series)
        rows += count
        batch += found
    if names:
        yield names, _side_by_side(batch)


def _side_by_side(slices: list[_Slice]) -> list[_Slice]:
    """Slices of series after series as they are, or, where they are small, together run by run."""
    if sum(piece.rows for piece in slices) >= _LARGE_SLICE * len(slices):
        return slices  # read in this order, rows need no sorting where each file goes on in time
    runs: dict[int, _Slice] = {}
    for piece in slices:
        before = runs.get(piece.order, piece)
        runs[piece.order] = replace(before, stop=piece.stop)
    return [runs[order] for order in sorted(runs)]


def _pieces(slices: list[_Slice], most: int) -> Iterator[list[_Slice]]:
    """One series cut at moments, so that a piece has about half of `most` rows."""
    step = max(1, most // 16)
    sampled: list[tuple[int, int]] = []  # valid time, rows that it stands for
    for piece in slices:
        places = range(piece.start, piece.stop, step)
        sampled += [(piece.run.valid_time(place), min(step, piece.stop - place)) for place in places]
    starts = [piece.start for piece in slices]
    rows, before = 0, None
    for time, count in sorted(sampled):
        if rows + count > most // 2 and time != before:
            stops = [
                piece.run.first_at(time, start, piece.stop)
                for piece, start in zip(slices, starts, strict=True)
            ]
            yield _cut(slices, starts, stops)
            starts, rows = stops, 0
        rows, before = rows + count, time
    yield _cut(slices, starts, [piece.stop for piece in slices])


def _cut(slices: list[_Slice], starts: list[int], stops: list[int]) -> list[_Slice]:
    found = [
        replace(piece, start=start, stop=stop)
        for piece, start, stop in zip(slices, starts, stops, strict=True)
    ]
    return [piece for piece in found if piece.rows]


def _read(names: list[str], batch: list[_Slice], source: Source) -> tuple[Records, Codes]:
    """The rows of a batch, slice after slice, and the place of each row's file."""
    count = sum(piece.rows for piece in batch)
    records = Records(
        np.empty(count, np.int32),
        np.empty(count, np.int64),
        tuple(np.empty(count, np.int64) for _ in time_fields(source)),
        tuple(np.empty(count) for _ in source.values),
    )
    place_of = {name: place for place, name in enumerate(names)}
    at = 0
    for piece in batch:
        part = slice(at, at + piece.rows)
        first, codes = piece.run.read_into(
            [column[part] for column in records.columns], piece.start, piece.stop
        )
        places = [place_of[series] for _, series in piece.run.keys[first : first + int(codes[-1]) + 1]]
        records.key[part] = np.array(places, np.int32)[codes]
        at += piece.rows
    files = np.repeat(np.array([piece.file for piece in batch], np.int32), [piece.rows for piece in batch])
    return records, files


def _table(records: Records, names: list[str], known: NDArray[np.int64], source: Source) -> pa.Table:
    schema = table_schema(source)
    series = pa.DictionaryArray.from_arrays(pa.array(records.key), pa.array(names, pa.string()))
    columns: dict[str, Any] = {"series": series.cast(pa.string())}
    if "issue_time" in schema.names:
        columns["issue_time"] = _stamps(records.times[1] if source.has_issue else known)
    columns["valid_time"], columns["known_time"] = _stamps(records.times[0]), _stamps(known)
    values = schema.names[len(columns) :]
    for name, column in zip(values, records.values, strict=True):
        columns[name] = pa.array(column, pa.float64(), from_pandas=True)
    return pa.table(columns, schema)


def _stamps(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(times).view(STAMP)
