"""Finds anomalies in the rows: gaps, repeats, unreadable cells, constant columns, spikes and flat weeks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.inspect.column_types import Column, count_codes, encode_tuples
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.timestamp_columns import minute_text, step_text, usual_step
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY

_MOST_COLUMNS = 300  # number of columns that are searched for spikes and flat weeks
_WINDOW = 7  # rows of the rolling median: each value is compared with three neighbours on each side
_SIGMAS = 20  # robust standard deviations; no regular value in the four public data sets is that far from the median
_LONGEST_SPIKE = 3  # rows; a longer deviation is a change, not a spike
_FLAT = 7 * DAY
_LEAST_STEPS = 24  # steps of equal length needed on each side of a change of step


@dataclass(frozen=True)
class Anomaly:
    """An anomaly: its kind, file and column, where it is, and its extent."""

    what: str
    path: str
    column: str
    place: str
    detail: str


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows sorted by series, issue and valid time; `starts` marks the first row of each run."""

    order: Ints
    stamps: Times
    starts: Flags  # rows at which another series, file piece or vintage begins


def find_anomalies(files: AnalysedFiles) -> list[Anomaly]:
    """Return all anomalies in files of one format, file by file, then column by column."""
    rows = _sort_rows(files)
    stamps = [_stamps_of_file(files, file) for file in range(len(files.format.files))]
    found = [*_bad_lines(files), *_gaps(files, stamps), *_step_changes(files, stamps), *_repeats(files)]
    for column in files.keys.value_columns[:_MOST_COLUMNS]:
        found += _odd_values(files, column, rows)
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


def _sort_rows(files: AnalysedFiles) -> _Rows:
    times, piece = files.times, files.format.piece
    run = encode_tuples([files.format.file, *map(encode_names, files.keys.columns)])
    issue = times.stamps if files.has_vintages else np.zeros(len(run), np.int64)
    rows = np.flatnonzero(times.ok)
    # rows with equal wall times keep the order of the file, which distinguishes the two hours of a repeated hour
    order = rows[np.lexsort((times.wall[rows], piece[rows], issue[rows], run[rows]))]
    keys = np.stack([run[order], issue[order], piece[order]])
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (np.diff(keys, axis=1) != 0).any(axis=0)
    return _Rows(order, times.wall[order], starts)


def _bad_lines(files: AnalysedFiles) -> Iterator[Anomaly]:
    for file in files.format.files:
        if file.cells.ragged:
            example = f"first: {file.cells.ragged_texts[0][:60]!r}"
            detail = f"{file.cells.ragged} lines; they will be quarantined"
            yield Anomaly("damaged lines", file.path, "", example, detail)
    times = files.times.main
    bad = np.flatnonzero(~files.times.ok)
    if len(bad):
        text = " ".join(column.texts[bad[0]].as_py() for column in times.columns)
        path = files.format.paths[files.format.file[bad[0]]]
        yield Anomaly("unreadable timestamps", path, times.name, repr(text), f"{len(bad)} rows")
    for column in files.keys.value_columns:
        if column.bad:
            text, count = next(iter(column.bad)), sum(column.bad.values())
            path = files.format.paths[0]
            yield Anomaly("cells that are not numbers", path, column.name, repr(text), f"{count} cells")


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
        f"{int(later.sum())} rows are repeated, {values}",
    )  # fmt: skip


def _odd_values(files: AnalysedFiles, column: Column, rows: _Rows) -> Iterator[Anomaly]:
    values = column.numbers[rows.order]
    filled = values[~np.isnan(values)]
    if not len(filled):
        return
    if (filled == filled[0]).all():
        path = files.format.paths[0]
        yield Anomaly("constant column", path, column.name, "everywhere", f"always {filled[0]:g}")
        return
    spikes = _find_spikes(values, rows.starts)
    if len(spikes) and column.heading.quantity != "wind_direction":  # 359 and 1 degrees are close
        detail = f"first {values[spikes[0]]:g}"
        yield _anomaly_at("suspicious spikes", files, column, rows.order[spikes], detail)
    if not files.has_vintages:
        flat, longest = _find_flat_runs(values, rows)
        if len(flat):
            detail = f"the longest {step_text(longest)} at {values[flat[0]]:g}"
            yield _anomaly_at("flat weeks", files, column, rows.order[flat], detail)


def _anomaly_at(what: str, files: AnalysedFiles, column: Column, rows: Ints, detail: str) -> Anomaly:
    """Return an anomaly of several rows, located at the first of them."""
    row = int(rows[0])
    series = "/".join(key.texts[row].as_py() for key in files.keys.columns)
    place = minute_text(files.times.wall[row]) + (f" of {series}" if series else "")
    path = files.format.paths[files.format.file[row]]
    return Anomaly(what, path, column.name, place, f"{len(rows)}; {detail}")


def _find_spikes(values: Floats, starts: Flags) -> Ints:
    """Return rows far from the median of their neighbours, alone or with one or two others."""
    usual = pd.Series(values).rolling(_WINDOW, center=True, min_periods=4).median().to_numpy()
    away = np.abs(values - usual)
    filled = ~np.isnan(away)
    if filled.sum() < 50:
        return np.empty(0, np.int64)
    low, high = np.nanpercentile(values, [25, 75])
    limit = max(_SIGMAS * 1.4826 * float(np.median(away[filled])), float(high - low))
    if limit <= 0:
        return np.empty(0, np.int64)
    odd = filled & (away > limit)
    for start in np.flatnonzero(starts)[1:]:  # the window of these rows overlaps another run
        odd[max(0, start - _WINDOW // 2) : start + _WINDOW // 2] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(np.int8)))
    firsts, lengths = edges[::2], edges[1::2] - edges[::2]
    return firsts[lengths <= _LONGEST_SPIKE]


def _find_flat_runs(values: Floats, rows: _Rows) -> tuple[Ints, int]:
    """Return the starts of constant stretches of a week or more, and the longest in ns; none if they hold most rows."""
    changes = np.ones(len(values), np.bool_)
    changes[1:] = (values[1:] != values[:-1]) | rows.starts[1:]  # NaN != NaN: a missing value ends a run
    firsts = np.flatnonzero(changes)
    lasts = np.concatenate([firsts[1:], [len(values)]]) - 1
    lengths = rows.stamps[lasts] - rows.stamps[firsts]
    flat = lengths >= _FLAT
    if (lasts - firsts + 1)[flat].sum() > 0.5 * len(values):
        return np.empty(0, np.int64), 0
    return firsts[flat], int(lengths[flat].max(initial=0))
