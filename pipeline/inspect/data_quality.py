"""What is odd in the rows: gaps, repeats, unreadable cells, constant columns, spikes and flat weeks, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.inspect.column_types import Column, Numbers, combined, number_of
from hindcast.pipeline.inspect.file_analysis import Part
from hindcast.pipeline.inspect.key_columns import names_of
from hindcast.pipeline.inspect.timestamp_columns import in_words, moment
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import Stamps

_MOST_COLUMNS = 300  # looked at for spikes and flat weeks
_WINDOW = 7  # rows of the rolling median: an odd value has three neighbours on each side to differ from
_SIGMAS = 20  # robust standard deviations; in the four public data sets nothing regular reaches them
_LONGEST_SPIKE = 3  # rows; what stays longer is a change, not a spike
_FLAT = 7 * DAY


@dataclass(frozen=True)
class Finding:
    """Something odd: what, in which file and column, where, and how much of it."""

    what: str
    path: str
    column: str
    place: str
    detail: str


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a part sorted by series, issue and valid time; `starts` marks the first row of each run."""

    order: NDArray[np.int64]
    stamps: Stamps
    starts: NDArray[np.bool_]  # another series, file piece or vintage begins


def findings_of(part: Part) -> list[Finding]:
    """All findings in one kind of files, file by file, then column by column."""
    rows = _sorted(part)
    found = [*_of_lines(part), *_gaps(part), *_changes_of_step(part), *_repeats(part)]
    for column in part.keys.value_columns[:_MOST_COLUMNS]:
        found += _of_column(part, column, rows)
    return found


def _sorted(part: Part) -> _Rows:
    names = [names_of(column) for column in part.keys.columns]
    run = combined([part.kind.file, *names])
    issue = part.times.issue_wall() if part.has_vintages else np.zeros(len(run), np.int64)
    there = np.flatnonzero(part.times.ok)
    # rows of one wall time stay in the order of the file: the doubled hour has one
    order = there[np.lexsort((part.times.wall[there], part.kind.piece[there], issue[there], run[there]))]
    keys = np.stack([run[order], issue[order], part.kind.piece[order]])
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (np.diff(keys, axis=1) != 0).any(axis=0)
    return _Rows(order, part.times.wall[order], starts)


def _of_lines(part: Part) -> Iterator[Finding]:
    for file in part.kind.files:
        if file.cells.ragged:
            example = file.cells.ragged_texts[0][:60]
            yield Finding(
                "lines of another width",
                file.path,
                "",
                f"first: {example!r}",
                f"{file.cells.ragged} lines; they go to quarantine",
            )
    stamps = part.times.main
    bad = ~part.times.ok
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        text = " ".join(column.texts[row].as_py() for column in stamps.columns)
        yield Finding(
            "stamps that cannot be read",
            part.kind.paths[part.kind.file[row]],
            stamps.name,
            repr(text),
            f"{bad.sum()} rows",
        )
    for column in part.keys.value_columns:
        if column.bad:
            text = next(iter(column.bad))
            count = sum(column.bad.values())
            yield Finding(
                "cells that are no numbers", part.kind.paths[0], column.name, repr(text), f"{count} cells"
            )


def _file_stamps(part: Part, file: int) -> tuple[Stamps, Stamps]:
    """Different stamps of a file in order, and the piece of each; wall time made UTC where it is proven."""
    rows = part.times.ok & (part.kind.file == file)
    wall = part.times.issue_wall()[rows] if part.has_vintages else part.times.wall[rows]
    piece = part.kind.piece[rows].astype(np.int64)
    if part.zone.wall:
        first, second, _ = find_occurrences(wall, part.zone.zone)
        wall, piece = np.concatenate([first, second]), np.concatenate([piece, piece])
    stamps, places = np.unique(wall, return_index=True)
    return stamps, piece[places]


def _gaps(part: Part) -> Iterator[Finding]:
    """Stamps that are absent in a file, whatever its series."""
    what = "issues absent" if part.has_vintages else "stamps absent"
    for file, path in enumerate(part.kind.paths):
        stamps, piece = _file_stamps(part, file)
        steps = np.diff(stamps)
        near = np.diff(piece) == 0
        if not len(steps):
            continue
        values, counts = np.unique(steps, return_counts=True)
        usual = int(values[np.argmax(counts)])
        wide = near & (steps > usual)
        if wide.any() and usual:
            place = int(np.flatnonzero(wide)[0])
            longest = int(steps[wide].max())
            yield Finding(
                what, path, part.times.main.name, f"after {moment(stamps[place])}",
                f"{int(wide.sum())} gaps, the longest {in_words(longest - usual)}, in steps of {in_words(usual)}",
            )  # fmt: skip


def _changes_of_step(part: Part) -> Iterator[Finding]:
    for file, path in enumerate(part.kind.paths):
        change = step_change(*_file_stamps(part, file))
        if change and not part.has_vintages:
            place, before, after = change
            text = f"from {in_words(before)} to {in_words(after)}"
            yield Finding("step changes", path, part.times.main.name, moment(place), text)


def step_change(stamps: Stamps, piece: Stamps) -> tuple[int, int, int] | None:
    """(stamp, step before, step after) where a file goes over to another step for at least 24 steps; None if never."""
    steps = np.diff(stamps)[np.diff(piece) == 0]
    places = stamps[:-1][np.diff(piece) == 0]
    if len(steps) < 48:
        return None
    borders = np.flatnonzero(np.diff(steps)) + 1
    starts = np.concatenate([[0], borders])
    lengths = np.diff(np.concatenate([starts, [len(steps)]]))
    long = np.flatnonzero(lengths >= 24)
    for before, after in pairwise(long):
        if steps[starts[before]] != steps[starts[after]]:
            return int(places[starts[after]]), int(steps[starts[before]]), int(steps[starts[after]])
    return None


def _repeats(part: Part) -> Iterator[Finding]:
    names = [names_of(column) for column in part.keys.columns]
    issue = [part.times.issue_wall()] if part.has_vintages else []
    codes = combined([part.kind.file, part.times.wall, *issue, *names])
    later = pd.Series(codes).duplicated().to_numpy() & part.times.ok
    if part.zone.wall:
        later &= find_occurrences(part.times.wall, part.zone.zone)[2] != 2
    if not later.any():
        return
    values = combined(
        [codes, *(np.nan_to_num(column.numbers, nan=-1.5e300) for column in part.keys.value_columns)]
    )
    conflicting = number_of(values) > number_of(codes)
    row = int(np.flatnonzero(later)[0])
    detail = f"{int(later.sum())} rows stand again" + (
        ", with other values among them" if conflicting else ", with the same values"
    )
    yield Finding(
        "repeated rows", part.kind.paths[part.kind.file[row]], "", moment(part.times.wall[row]), detail
    )


def _of_column(part: Part, column: Column, rows: _Rows) -> Iterator[Finding]:
    values = column.numbers[rows.order]
    there = values[~np.isnan(values)]
    if not len(there):
        return
    if (there == there[0]).all():
        yield Finding(
            "constant column", part.kind.paths[0], column.name, "everywhere", f"always {there[0]:g}"
        )
        return
    turns = column.heading.quantity == "wind_direction"  # 359 and 1 degrees are neighbours
    spikes = _spikes(values, rows.starts)
    if len(spikes) and not turns:
        yield _finding("suspicious spikes", part, column, rows, spikes, detail=f"first {values[spikes[0]]:g}")
    if not part.has_vintages:
        flat, longest = _flat_runs(values, rows)
        if len(flat):
            yield _finding(
                "flat weeks",
                part,
                column,
                rows,
                flat,
                detail=f"the longest {in_words(longest)} at {values[flat[0]]:g}",
            )


def _finding(
    what: str, part: Part, column: Column, rows: _Rows, found: NDArray[np.int64], *, detail: str
) -> Finding:
    row = int(rows.order[found[0]])
    series = "/".join(key.texts[row].as_py() for key in part.keys.columns)
    place = moment(part.times.wall[row]) + (f" of {series}" if series else "")
    return Finding(what, part.kind.paths[part.kind.file[row]], column.name, place, f"{len(found)}; {detail}")


def _spikes(values: Numbers, starts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows far from the median of their neighbours, alone or with one or two others."""
    usual = pd.Series(values).rolling(_WINDOW, center=True, min_periods=4).median().to_numpy()
    away = np.abs(values - usual)
    there = ~np.isnan(away)
    if there.sum() < 50:
        return np.empty(0, np.int64)
    low, high = np.nanpercentile(values, [25, 75])
    limit = max(_SIGMAS * 1.4826 * float(np.median(away[there])), float(high - low))
    odd = (
        there & (away > limit) & ~_near(starts, _WINDOW // 2)
        if limit > 0
        else np.zeros(len(values), np.bool_)
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(np.int8)))
    firsts, lengths = edges[::2], edges[1::2] - edges[::2]
    return firsts[lengths <= _LONGEST_SPIKE]


def _near(starts: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Rows whose window reaches over the border of a run."""
    near = np.zeros(len(starts), np.bool_)
    for place in np.flatnonzero(starts)[1:]:
        near[max(0, place - reach) : place + reach] = True
    return near


def _flat_runs(values: Numbers, rows: _Rows) -> tuple[NDArray[np.int64], int]:
    """First rows of runs of one value that last a week, and the longest; none where most of a column is so."""
    changes = np.ones(len(values), np.bool_)
    changes[1:] = (values[1:] != values[:-1]) | rows.starts[1:]  # NaN differs from itself: missing ends a run
    firsts = np.flatnonzero(changes)
    lasts = np.concatenate([firsts[1:], [len(values)]]) - 1
    lengths = rows.stamps[lasts] - rows.stamps[firsts]
    flat = lengths >= _FLAT
    if (lasts - firsts + 1)[flat].sum() > 0.5 * len(values):
        return np.empty(0, np.int64), 0
    return firsts[flat], int(lengths[flat].max(initial=0))
