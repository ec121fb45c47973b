"""Finds series whose published forecast fits the measurements of earlier or later steps better than those of its own steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.track import Track
from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.base import DAY, HOUR

BETTER = 0.8  # a shift is clearly better if its error is at most this share of the error without a shift
WORSE = (
    2.0  # a forecast describes something else if its error is at least this multiple of that of persistence
)
FEWEST = 100  # pairs of a series


def find_misfits(group: GroupInputs, track: Track) -> list[dict[str, Any]]:
    """Return the series whose published forecast fits the measurement of another step clearly better, or of no step.

    `shift_ns` is how much later the fitting measurement is (0: the forecast is far worse than persistence). Errors are mean
    absolute errors over the same pairs; both halves of the pairs must agree.
    """
    found = []
    for place, target in enumerate(group.params.align.target):
        if group.published[place] is not None:
            found += _of_target(group, track, place, target)
    return found


def _of_target(group: GroupInputs, track: Track, place: int, target: str) -> list[dict[str, Any]]:
    grid, frequency = group.grid, group.params.raw.frequency.ns
    final = group.realized[target].final[0]
    steps = {
        sign * size // frequency for size in (frequency, HOUR, DAY) for sign in (-1, 1) if size >= frequency
    }
    shifts = [0, *sorted(steps, key=lambda shift: (abs(shift), shift))]
    size = grid.own.size[grid.series]
    published = track.published[:, place].astype(np.float64)
    errors = [_at(final, grid.own_slot, grid.own_step, size, shift) - published for shift in shifts]
    naive = track.baseline[:, place, STORED.index("persistence")]
    errors.append(final[grid.own_slot] - naive.astype(np.float64))
    table = np.abs(np.stack(errors, axis=1))
    rows = np.flatnonzero(np.isfinite(table).all(axis=1))
    count = np.bincount(grid.series[rows], minlength=len(grid.names))
    number = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    half = (number * 2 >= count[grid.series[rows]]).astype(np.int64)
    bins, wanted = grid.series[rows] * 2 + half, 2 * len(grid.names)
    sums = [np.bincount(bins, table[rows, at], wanted).reshape(-1, 2) for at in range(table.shape[1])]
    return [
        {"target": target, "series": grid.names[series], **misfit}
        for series in np.flatnonzero(count >= FEWEST).tolist()
        if (
            misfit := _misfit(
                np.array([each[series] for each in sums]), shifts, int(count[series]), frequency
            )
        )
    ]


def _misfit(halves: Floats, shifts: list[int], count: int, frequency: int) -> dict[str, Any] | None:
    """Judge one series from its sums of errors (shifts and persistence, halves)."""
    total = halves.sum(axis=1) / count
    best = int(np.argmin(total[:-1]))
    entry = {"mae": float(total[0]), "pairs": count}
    if best and (halves[best] <= BETTER * halves[0]).all():
        return entry | {"shift_ns": shifts[best] * frequency, "mae_other": float(total[best])}
    if (halves[0] > WORSE * halves[-1]).all() and total[-1] > 0:
        return entry | {"shift_ns": 0, "mae_other": float(total[-1])}
    return None


def _at(final: Floats, slot: Ints, step: Ints, size: Ints, shift: int) -> Floats:
    """Return the measurement `shift` steps later in the same series; NaN outside its steps."""
    inside = (step + shift >= 0) & (step + shift < size)
    return np.where(inside, final.take(slot + shift, mode="clip"), np.nan)
