"""Finds series whose published forecast fits the measurements of earlier or later steps better than those of its own steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.track import Track
from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.base import DAY, HOUR

BETTER = 0.8  # a shift is clearly better if its error is at most this share of the error without a shift
WORSE = (
    2.0  # a forecast describes something else if its error is at least this multiple of that of persistence
)
FAR_WORSE = 4.0  # the same, where one half of the time is enough, as after a change of the unit
SUSPECT = 0.5  # all hours are compared if the error is over this share of persistence's, or any near shift is better
HOURS_OF_ZONES = range(1, 15)  # clocks differ from UTC by up to 14 h
FEWEST = 100  # pairs of a series
COPIED = 0.9  # a forecast that equals the measurement at this share of its pairs was not made in advance
_ROUNDING = 1e-6  # relative; more than sums of the same errors in another order differ


def find_misfits(group: GroupInputs, track: Track) -> list[dict[str, Any]]:
    """Return the series whose published forecast fits the measurement of another step clearly better, or of no step.

    `shift_ns` is how much later the fitting measurement is (0: the forecast is far worse than persistence). Errors are mean
    absolute errors over the same pairs; both halves of the pairs must agree, or one must be extremely bad.
    """
    found = []
    for place, target in enumerate(group.params.align.target):
        if group.published[place] is not None:
            found += _of_target(group, track, place, target)
    return found


def find_copies(group: GroupInputs, track: Track) -> list[dict[str, Any]]:
    """Return the series whose published forecast equals the measurement of nearly all steps; zeros do not count."""
    grid, found = group.grid, []
    for place, target in enumerate(group.params.align.target):
        if group.published[place] is None:
            continue
        measured = group.realized[target].final[0][grid.own_slot].astype(np.float32)
        published = track.published[:, place].astype(np.float32)
        both = np.isfinite(measured) & np.isfinite(published) & ((measured != 0) | (published != 0))
        pairs = np.bincount(grid.series[both], minlength=len(grid.names))
        equal = np.bincount(grid.series[both & (measured == published)], minlength=len(grid.names))
        for series in np.flatnonzero((pairs >= FEWEST) & (equal >= COPIED * pairs)).tolist():
            entry = {"pairs": int(pairs[series]), "equal": int(equal[series])}
            found.append({"target": target, "series": grid.names[series], **entry})
    return found


def _of_target(group: GroupInputs, track: Track, place: int, target: str) -> list[dict[str, Any]]:
    grid, frequency = group.grid, group.params.raw.frequency.ns
    near = {size // frequency for size in (frequency, HOUR, DAY) if size >= frequency}
    zones = {hour * HOUR // frequency for hour in HOURS_OF_ZONES if hour * HOUR % frequency == 0}
    rows = np.flatnonzero(_may_be_misfit(group, track, place, _shifts(near | zones))[grid.series])
    if not len(rows):
        return []
    misfits, count, total = _judge(group, track, place, rows, near)
    better = total[:, 1:-1].min(axis=1) < total[:, 0]
    suspect = (count >= FEWEST) & (better | (total[:, 0] > SUSPECT * total[:, -1]))
    suspect[list(misfits)] = True
    if suspect.any():  # all hours that a wrong zone can move, for few series only
        misfits = _judge(group, track, place, rows[suspect[grid.series[rows]]], near | zones)[0]
    return [{"target": target, "series": grid.names[series], **misfits[series]} for series in sorted(misfits)]


def _shifts(sizes: set[int]) -> list[int]:
    """Return no shift, then the shifts by each size to both sides, the nearest first."""
    return [
        0,
        *sorted({sign * size for size in sizes for sign in (-1, 1)}, key=lambda step: (abs(step), step)),
    ]


def _may_be_misfit(group: GroupInputs, track: Track, place: int, shifts: list[int]) -> Flags:
    """Flag each series that `_judge` can return for these shifts, and few others, at a small part of its cost.

    It sums errors over runs of pairs instead of pair by pair, in an order that rounds differently.
    """
    grid, final = group.grid, group.realized[group.params.align.target[place]].final[0]
    own, names, reach = grid.own, len(grid.names), max(shifts)
    published, naive = np.full((2, own.slots), np.nan)
    published[grid.own_slot] = track.published[:, place]
    naive[grid.own_slot] = track.baseline[:, place, STORED.index("persistence")]
    padded, series = np.pad(final, reach, constant_values=np.nan), own.series()
    step, present = np.arange(own.slots) - own.start[series], np.isfinite(padded)
    whole = np.isfinite(published) & np.isfinite(naive) & (step >= reach) & (step + reach < own.size[series])
    for shift in shifts:
        whole &= present[reach + shift : reach + shift + own.slots]
    number, count = np.cumsum(whole), np.bincount(series[whole], minlength=names)
    second = (number - 1 - (np.cumsum(count) - count)[series]) * 2 >= count[series]
    bins = np.where(whole, series * 2 + second, -1)
    # a run is of consecutive pairs of one half, or of steps without a pair
    run = np.flatnonzero(np.diff(bins, prepend=-2))
    halves = np.empty((len(shifts) + 1, names, 2))
    error, used = np.empty(own.slots), bins[run] >= 0
    with np.errstate(invalid="ignore", over="ignore"):
        moved = [(padded[reach + shift : reach + shift + own.slots], published) for shift in shifts]
        for at, (measured, forecast) in enumerate([*moved, (final, naive)]):
            np.abs(np.subtract(measured, forecast, out=error), out=error)
            sums = np.add.reduceat(error, run)[used] if len(run) else error
            halves[at] = np.bincount(bins[run][used], sums, 2 * names).reshape(-1, 2)
        shifted = (halves[1:-1] <= BETTER * (1 + _ROUNDING) * halves[0]).all(axis=2).any(axis=0)
        strange = (halves[0] > WORSE * (1 - _ROUNDING) * halves[-1]).all(axis=1)
        strange |= (halves[0] > FAR_WORSE * (1 - _ROUNDING) * halves[-1]).any(axis=1)
    found: Flags = (count >= FEWEST) & halves[0].any(axis=1) & (shifted | strange)
    return found


def _judge(
    group: GroupInputs, track: Track, place: int, rows: Ints, sizes: set[int]
) -> tuple[dict[int, dict[str, Any]], Ints, Floats]:
    """Return the misfits, the number of pairs and the mean errors (shifts and persistence) of the series of `rows`."""
    grid, target = group.grid, group.params.align.target[place]
    final, names = group.realized[target].final[0], len(grid.names)
    shifts = _shifts(sizes)
    slot, step, size = grid.own_slot[rows], grid.own_step[rows], grid.own.size[grid.series[rows]]
    published = track.published[rows, place].astype(np.float64)
    errors = [_at(final, slot, step, size, shift) - published for shift in shifts]
    naive = track.baseline[rows, place, STORED.index("persistence")]
    errors.append(final[slot] - naive.astype(np.float64))
    whole = np.logical_and.reduce([np.isfinite(error) for error in errors])
    series = grid.series[rows][whole]
    count = np.bincount(series, minlength=names)
    number = np.arange(len(series)) - np.repeat(np.cumsum(count) - count, count)
    half = (number * 2 >= count[series]).astype(np.int64)
    bins, wanted = series * 2 + half, 2 * names
    sums = np.stack(
        [np.bincount(bins, np.abs(error[whole]), wanted).reshape(-1, 2) for error in errors], axis=1
    )
    frequency = group.params.raw.frequency.ns
    judged = {
        each: _misfit(sums[each], shifts, int(count[each]), frequency)
        for each in np.flatnonzero(count >= FEWEST).tolist()
    }
    means: Floats = sums.sum(axis=2) / np.maximum(count, 1)[:, None]
    return {each: misfit for each, misfit in judged.items() if misfit}, count, means


def _misfit(halves: Floats, shifts: list[int], count: int, frequency: int) -> dict[str, Any] | None:
    """Judge one series from its sums of errors (shifts and persistence, halves)."""
    total = halves.sum(axis=1) / count
    best = int(np.argmin(total[:-1]))
    entry = {"mae": float(total[0]), "pairs": count}
    if best and (halves[best] <= BETTER * halves[0]).all():
        return entry | {"shift_ns": shifts[best] * frequency, "mae_other": float(total[best])}
    worse = (halves[0] > WORSE * halves[-1]).all() or (halves[0] > FAR_WORSE * halves[-1]).any()
    if worse and total[-1] > 0:
        return entry | {"shift_ns": 0, "mae_other": float(total[-1])}
    return None


def _at(final: Floats, slot: Ints, step: Ints, size: Ints, shift: int) -> Floats:
    """Return the measurement `shift` steps later in the same series; NaN outside its steps."""
    inside = (step + shift >= 0) & (step + shift < size)
    return np.where(inside, final.take(slot + shift, mode="clip"), np.nan)
