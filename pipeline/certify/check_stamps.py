"""Checks `off_grid` and `known_early`: raw timestamps lie where their steps are, and measured values are known after them.

A value at a timestamp off the grid belongs to two steps. It is right in a step only if it is one of the finer data of that
step: the timestamps of its series and vintage divide the step evenly and completely, or three of them off the grid have
values, or timestamps nearby show such a division.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.certify.coarse_records import length_of
from hindcast.pipeline.certify.findings import CheckResult, Findings
from hindcast.pipeline.certify.step_clock import StepClock
from hindcast.pipeline.settings.known import AfterStep, BeforeStep, DayAt, PublishedAt
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import time_text

_NEARBY = 24  # steps
_SEVERAL = 3  # timestamps off the grid

Numbers = npt.NDArray[np.int64]


OFF_GRID = "a timestamp off the grid belongs to finer data, unless `off_grid` rounds or keeps it"
KNOWN_EARLY = (
    "a measured value becomes known only after its interval ends, unless the settings allow an earlier time"
)


def check_stamps(findings: Findings, frame: Any, source: Source, clock: StepClock, label: str) -> None:
    """Check rows of one table, all of their series; `label` names its source and group."""
    stamps = frame["valid_time"].to_numpy(np.int64)
    if source.is_static or not len(stamps):
        return
    off_grid = findings["off_grid"]
    off_grid.count_checked(len(stamps))
    divisions = None
    if not clock.is_due(stamps).all():
        rows = _Rows.of(frame, source, clock)
        divisions = _find_divisions(rows, clock)
    if divisions is not None and not clock.keeps:
        for row in np.flatnonzero(~clock.is_due(rows.due) & (divisions < 0)).tolist():
            off_grid.add_violation(
                f"{label}: {time_text(int(stamps[row]))} is off the grid, but is used as the value of a whole step: set `off_grid` or "
                "raw.grid_offset, then run the stage `ingest` again"
            )
    if source.role == "realized" and not _is_early_on_purpose(source):
        _check_known(
            findings["known_early"], frame, _has_value(frame, source), (clock, divisions, source), label
        )


def _check_known(
    result: CheckResult,
    frame: Any,
    has_value: Flags,
    grid: tuple[StepClock, Numbers | None, Source],
    label: str,
) -> None:
    stamps, known = (frame[name].to_numpy(np.int64) for name in ("valid_time", "known_time"))
    clock, divisions, source = grid
    length = np.full(len(stamps), clock.distance)
    if divisions is not None:
        length = np.where(divisions < 0, clock.distance, np.minimum(divisions, clock.distance))
    if source.coarser:
        length = np.maximum(length, [length_of(source, time, 0) for time in stamps.tolist()])
    measured = np.flatnonzero(has_value)
    margins = (known - stamps - clock.lasting(stamps, length))[measured]
    for bad in measured[result.count_margins(margins)].tolist():
        result.add_violation(
            f"{label}: the value of {time_text(int(stamps[bad]))} is known at {time_text(int(known[bad]))}, before its interval ends"
        )


@dataclass(frozen=True)
class _Rows:
    """Per row: a number for its series and vintage, the time as which its timestamp counts, and whether it has a value."""

    owner: Numbers
    due: Times
    has_value: Flags

    @classmethod
    def of(cls, frame: Any, source: Source, clock: StepClock) -> _Rows:
        owner = series_codes(frame)
        if source.has_issue:
            issues, number = np.unique(frame["issue_time"].to_numpy(np.int64), return_inverse=True)
            owner = owner * len(issues) + number
        due = clock.due(frame["valid_time"].to_numpy(np.int64))
        return cls(owner, due, _has_value(frame, source))


def series_codes(frame: Any) -> Numbers:
    """Return a number for the series of each row (of an ensemble: for each member of a series); names in the order of their
    numbers if the column is a categorical.
    """
    series = frame["series"]
    if "member" in frame:
        return np.asarray(frame.groupby(["series", "member"], observed=True, sort=True).ngroup(), np.int64)
    return np.asarray(series.cat.codes if hasattr(series, "cat") else series.factorize()[0], np.int64)


def _has_value(frame: Any, source: Source) -> Flags:
    has: Flags = np.logical_or.reduce([frame[name].notna().to_numpy() for name in source.values])
    return has


def _find_divisions(rows: _Rows, clock: StepClock) -> Numbers:
    """Return, for each row, the distance in ns of the finer data of its step; 0 for readings at irregular times, -1 if the
    timestamps off the grid in its step are no finer data.
    """
    begin = clock.begins(rows.due)
    cells, cell_of_row = np.unique(np.stack([rows.owner, begin]), axis=1, return_inverse=True)
    cell_of_row = cell_of_row.reshape(-1)
    place_of_row = clock.shown(rows.due) - begin
    stamps, stamp_of_row = np.unique(np.stack([cell_of_row, place_of_row]), axis=1, return_inverse=True)
    cell, place = stamps
    has_value = np.bincount(stamp_of_row.reshape(-1), rows.has_value, stamps.shape[1]) > 0
    is_off = place % clock.distance != 0
    count, filled, off_filled, off = (
        np.bincount(cell, weights, cells.shape[1]).astype(np.int64)
        for weights in (None, has_value, has_value & is_off, is_off)
    )
    common = np.full(cells.shape[1], clock.length)
    np.gcd.at(common, cell, place)
    whole = (count > 1) & (count * common == clock.length) & ((off_filled > 0) | (filled == 0))
    clear = whole | (off_filled >= _SEVERAL)
    sparse = clear & ~whole & (2 * count * common < clock.length)
    division, irregular = np.where(clear, common, -1), sparse.copy()
    for side in ("before", "after"):
        near = _nearest(cells, clear, clock, side)
        fits = (near >= 0) & (division < 0) & (common % np.where(near >= 0, common[near], 1) == 0)
        division[fits], irregular[fits] = common[near[fits]], sparse[near[fits]]
    single = np.flatnonzero((division < 0) & (off > 0))
    division[single] = _shared_division(cells, single, (cell, place, has_value), common, clock)
    return np.where(irregular, 0, division)[cell_of_row]


def _nearest(cells: Numbers, clear: Flags, clock: StepClock, side: str) -> Numbers:
    """Return, for each cell (owner, begin), the nearest clear cell of its owner on one side, or itself; -1 if it is too far."""
    places = np.flatnonzero(clear)
    number = np.arange(cells.shape[1])
    at = (
        np.searchsorted(places, number, side="right") - 1
        if side == "before"
        else np.searchsorted(places, number)
    )
    exists = (at >= 0) & (at < len(places))
    found = np.where(exists, places[np.clip(at, 0, max(len(places) - 1, 0))] if len(places) else 0, 0)
    same = cells[0, found] == cells[0]
    close = np.abs(cells[1, found] - cells[1]) <= _NEARBY * clock.length
    return np.where(exists & same & close, found, -1)


def _shared_division(
    cells: Numbers,
    single: Numbers,
    stamps: tuple[Numbers, Numbers, Flags],
    common: Numbers,
    clock: StepClock,
) -> Numbers:
    """Return the division that the timestamps of some cells and of the steps beside them fill at least half; else -1."""
    cell, place, has_value = stamps
    last = np.searchsorted(cell, np.arange(cells.shape[1] + 1))
    owners, at = [], []
    for shift in (-1, 0, 1):
        beside = np.clip(single + shift, 0, cells.shape[1] - 1)
        valid = (cells[0, beside] == cells[0, single]) & (
            cells[1, beside] - cells[1, single] == shift * clock.length
        )
        counts = np.where(valid, last[beside + 1] - last[beside], 0)
        owners.append(np.repeat(np.arange(len(single)), counts))
        starts = np.repeat(last[beside] - np.cumsum(counts) + counts, counts)
        at.append(starts + np.arange(int(counts.sum())))
    owner, stamp = np.concatenate(owners), np.concatenate(at)
    with_value = np.bincount(owner, has_value[stamp], len(single)) > 0
    kept = has_value[stamp] | ~with_value[owner]
    pairs = np.unique(np.stack([owner[kept], place[stamp[kept]]]), axis=1)
    count = np.bincount(pairs[0], minlength=len(single))
    shared = np.full(len(single), clock.length)
    np.gcd.at(shared, pairs[0], pairs[1])
    fills = (count >= _SEVERAL) & (2 * count * shared >= clock.length) & (common[single] % shared == 0)
    return np.where(fills, shared, -1)


def _is_early_on_purpose(source: Source) -> bool:
    rule = source.known
    if isinstance(rule, PublishedAt):
        return rule.before_step == "allowed"
    # the times that after_step gives are checked exactly, by `known_rule`
    return isinstance(rule, BeforeStep | AfterStep) or (isinstance(rule, DayAt) and rule.day <= -1)
