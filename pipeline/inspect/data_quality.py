"""Finds anomalies in the rows: gaps, repeats, unreadable cells, changes of step, constant columns.

Odd values are found later, when the proposal is tried, with the checks of `ingest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.inspect.column_types import Column, count_codes, encode_tuples
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.timestamp_columns import minute_text, step_text, usual_step
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.wording import counted

_MOST_COLUMNS = 300  # that are searched for constants
_LEAST_STEPS = 24  # steps of equal length needed on each side of a change of step


@dataclass(frozen=True)
class Anomaly:
    """An anomaly: its kind, file and column, where it is, and its extent."""

    what: str
    path: str
    column: str
    place: str
    detail: str


def find_anomalies(files: AnalysedFiles) -> list[Anomaly]:
    """Return all anomalies in files of one format, file by file, then column by column."""
    stamps = [_stamps_of_file(files, file) for file in range(len(files.format.files))]
    found = [*_bad_lines(files), *_gaps(files, stamps), *_step_changes(files, stamps), *_repeats(files)]
    for column in files.keys.value_columns[:_MOST_COLUMNS]:
        found += _constant(files, column)
    return found


def _find_step_change(stamps: Times, piece: Ints) -> tuple[int, int, int] | None:
    """Return (time, step before, step after) in ns if a file changes its step for at least 24 steps; else None."""
    near = np.diff(piece) == 0
    steps, times = np.diff(stamps)[near], stamps[:-1][near]
    if len(steps) < 2 * _LEAST_STEPS:
        return None
    starts = np.concatenate([[0], np.flatnonzero(np.diff(steps)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(steps)]]))
    for before, after in pairwise(starts[lengths >= _LEAST_STEPS]):
        if steps[before] != steps[after]:
            return int(times[after]), int(steps[before]), int(steps[after])
    return None


def _bad_lines(files: AnalysedFiles) -> Iterator[Anomaly]:
    for file in files.format.files:
        if file.cells.ragged:
            example = f"first: {file.cells.ragged_texts[0][:60]!r}"
            detail = f"{counted(file.cells.ragged, 'line')}, which will be quarantined"
            yield Anomaly("damaged lines", file.path, "", example, detail)
    times = files.times.main
    bad = np.flatnonzero(~files.times.ok)
    if len(bad):
        text = " ".join(column.texts[bad[0]].as_py() for column in times.columns)
        path = files.format.paths[files.format.file[bad[0]]]
        yield Anomaly("unreadable timestamps", path, times.name, repr(text), counted(len(bad), "row"))
    for column in files.keys.value_columns:
        if column.bad:
            text, count = next(iter(column.bad)), sum(column.bad.values())
            path = files.format.paths[0]
            yield Anomaly("cells that are not numbers", path, column.name, repr(text), counted(count, "cell"))


def _stamps_of_file(files: AnalysedFiles, file: int) -> tuple[Times, Ints]:
    """Return the distinct timestamps of a file, sorted, and the piece of each; proven wall time is converted to UTC."""
    rows = files.format.rows_of(file)
    ok = files.times.ok[rows]
    wall = files.times.stamps[rows][ok]
    piece = files.format.piece[rows][ok].astype(np.int64)
    if files.zone.wall:
        first, second, _ = find_occurrences(wall, files.zone.zone)
        wall, piece = np.concatenate([first, second]), np.concatenate([piece, piece])
    stamps, places = np.unique(wall, return_index=True)
    return stamps, piece[places]


def _gaps(files: AnalysedFiles, stamps_of_files: Sequence[tuple[Times, Ints]]) -> Iterator[Anomaly]:
    """Find timestamps that a file lacks for all of its series."""
    what = "missing issues" if files.has_vintages else "missing timestamps"
    for path, (stamps, piece) in zip(files.format.paths, stamps_of_files, strict=True):
        steps, usual = np.diff(stamps), usual_step(stamps)
        wide = np.flatnonzero((np.diff(piece) == 0) & (steps > usual))
        if len(wide):
            longest = step_text(int(steps[wide].max()) - usual)
            yield Anomaly(
                what, path, files.times.main.name, f"after {minute_text(stamps[wide[0]])}",
                f"{len(wide)} gaps, the longest {longest}, in steps of {step_text(usual)}",
            )  # fmt: skip


def _step_changes(files: AnalysedFiles, stamps_of_files: Sequence[tuple[Times, Ints]]) -> Iterator[Anomaly]:
    for path, stamps in zip(files.format.paths, stamps_of_files, strict=True):
        change = _find_step_change(*stamps)
        if change and not files.has_vintages:
            time, before, after = change
            detail = f"from {step_text(before)} to {step_text(after)}"
            yield Anomaly("step changes", path, files.times.main.name, minute_text(time), detail)


def _repeats(files: AnalysedFiles) -> Iterator[Anomaly]:
    names = map(encode_names, files.keys.columns)
    codes = encode_tuples([files.format.file, files.times.wall, files.times.stamps, *names])
    later = pd.Series(codes).duplicated().to_numpy() & files.times.ok
    if files.zone.wall:
        later &= find_occurrences(files.times.wall, files.zone.zone)[2] != 2
    if not later.any():
        return
    numbers = (np.nan_to_num(column.numbers, nan=-1.5e300) for column in files.keys.value_columns)
    conflicting = count_codes(encode_tuples([codes, *numbers])) > count_codes(codes)
    row = int(np.flatnonzero(later)[0])
    values = "some with different values" if conflicting else "with the same values"
    yield Anomaly(
        "repeated rows", files.format.paths[files.format.file[row]], "", minute_text(files.times.wall[row]),
        f"{counted(int(later.sum()), 'repeated row')}, {values}",
    )  # fmt: skip


def _constant(files: AnalysedFiles, column: Column) -> Iterator[Anomaly]:
    filled = column.numbers[~np.isnan(column.numbers)]
    if len(filled) and (filled == filled[0]).all():
        yield Anomaly(
            "constant column", files.format.paths[0], column.name, "everywhere", f"always {filled[0]:g}"
        )
