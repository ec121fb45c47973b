"""Checks of daily means, over all series of a table at once: level shifts, and years in which day and month are swapped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.raw.quality_checks import Column
from hindcast.pipeline.raw.quality_findings import LEVEL_SHIFT, SWAPPED, Finding
from hindcast.pipeline.raw.quality_order import (
    FEWEST,
    as_matrix,
    flat_rows,
    in_blocks,
    offsets_of,
    quantiles,
)
from hindcast.pipeline.raw.quality_rows import Days, Found, Rows, Spans, rounded
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import moment_of_day

_WEEK = 7
_WEEKS = 4  # a level shift separates so many weeks from so many others
_REACH = _WEEK * _WEEKS  # days
_MOVED = 1.4  # standard deviations between four weeks and the next four: no level shift without that
_FAINT = 0.5  # of the limit of a level shift, if it begins with an unusual step
_ABRUPT = 0.7  # of the limit of steps: a step of a level shift that is too small to be recognized by its level alone
_SEARCHED = 5  # days on both sides of the day of a shift, in which its hour is searched
_SWAPPED_DAYS = 12
_FEWEST_PAIRS = 24  # pairs of days in a year on which swapped dates can be recognized
_ROUGHER = (
    1.5  # times as large changes between days 1 to 12 than between later days: no swapped dates without that
)


@dataclass(frozen=True)
class Shifts:
    """Level shifts: index of the series, in the order of series and time, a day or a row, and the signed size in limits."""

    place: Ints
    at: Ints
    size: Floats

    def take(self, chosen: Flags) -> Shifts:
        """Return some shifts."""
        return Shifts(self.place[chosen], self.at[chosen], self.size[chosen])


# --- level shifts ---------------------------------------------------------------------------------------------


def find_shifts(column: Column, means: Floats) -> Found:
    """Find lasting changes of the level, from their hour until values return or to the end; `column` has distinct times.

    The weekly medians of four weeks before must all lie on one side of those of four weeks after, further apart than
    medians of neighbouring weeks and daily means of the series differ usually. `means` are those of `column.rows.days`.
    """
    rows = column.rows
    shifts = shifts_of_days(rows.days, means, _may_have_shifted(rows.days, means), _FAINT)
    if not len(shifts.at):
        return
    offsets = rows.times[rows.starts] // DAY - rows.days.days[rows.days.starts]
    moments = (shifts.at + offsets[shifts.place]) * DAY
    shifts = Shifts(shifts.place, align_shifts(column, shifts.place, moments), shifts.size)
    shifts = shifts.take((np.abs(shifts.size) > 1) | _is_abrupt(column, shifts))
    yield from rows.findings(LEVEL_SHIFT, _lasting(rows, shifts), column.values)


def _may_have_shifted(days: Days, means: Floats) -> Ints:
    """Select series in which four weeks differ from the four before."""
    places = np.flatnonzero(days.lengths >= 2 * _REACH)
    if not len(places):
        return places
    total = means
    for shift, count in (
        (1, _WEEK),
        (_WEEK, _WEEKS),
    ):  # sums of a week, then of four; a running sum would mix series
        parts = [total[shift * at : len(total) - shift * (count - 1 - at)] for at in range(count)]
        total = np.add.reduce(parts)
    moved = np.append(np.abs(total[_REACH:] - total[:-_REACH]), 0.0)
    first = days.starts[places]
    edges = np.stack([first, first + days.lengths[places] - 2 * _REACH + 1], axis=1)
    most = np.maximum.reduceat(moved, edges.ravel())[::2] / _REACH
    mean = np.add.reduceat(means, days.starts) / days.lengths
    variance = np.add.reduceat(means * means, days.starts) / days.lengths - mean * mean
    return places[~(most <= _MOVED * np.sqrt(np.maximum(variance[places], 0.0)))]


def shifts_of_days(days: Days, means: Floats, places: Ints, least: float = 1.0) -> Shifts:
    """Return the days at which the level of daily means of some series changes for weeks, by at least `least` times its limit."""
    last = days.starts + days.lengths - 1
    counts = (days.days[last] - days.days[days.starts] + 1)[places]
    enough = (counts >= 2 * _REACH) & (days.lengths[places] >= 0.8 * counts)
    places, counts = places[enough], counts[enough]
    none = np.empty(0, np.int64)
    found = [Shifts(none, none, np.empty(0))]
    for block in in_blocks(counts):
        own, lengths = places[block], counts[block]
        own, lengths = own[order := np.argsort(own)], lengths[order]
        level = _filled_days(days, means, own, lengths)
        shifts = _shifts_of_level(level, lengths, least)
        start = days.days[days.starts[own]]
        found.append(Shifts(own[shifts.place], start[shifts.place] + shifts.at, shifts.size))
    place, at, size = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("place", "at", "size")
    )
    order = np.lexsort((at, place))
    return Shifts(place[order], at[order], size[order])


def _filled_days(days: Days, means: Floats, places: Ints, counts: Ints) -> Floats:
    """Return the daily means of some series one after another, with missing days interpolated."""
    rows = flat_rows(days.starts[places], days.lengths[places])
    if (counts == days.lengths[places]).all():
        return means[rows]
    first = offsets_of(counts) - days.days[days.starts[places]]
    at = days.days[rows] + first.repeat(days.lengths[places])
    return np.interp(np.arange(counts.sum()), at, means[rows])


def _shifts_of_level(level: Floats, counts: Ints, least: float) -> Shifts:
    """Find the shifts of series of `counts` days that stand one after another in `level`; the days count from each first."""
    starts = offsets_of(counts)
    medians = np.pad(_weekly_medians(level), (0, _WEEK - 1))
    cells = as_matrix(medians, starts, counts, 0.0)
    width = cells.shape[1] - 2 * _REACH + 1
    after = np.stack([cells[:, _REACH + _WEEK * at :][:, :width] for at in range(_WEEKS)])
    before = np.stack([cells[:, _REACH - _WEEK * at :][:, :width] for at in range(1, _WEEKS + 1)])
    up = after.min(axis=0) - before.max(axis=0)
    down = before.min(axis=0) - after.max(axis=0)
    size = np.maximum(up, down)
    size[np.arange(width) > (counts - 2 * _REACH)[:, None]] = -np.inf
    best = (
        size.argmax(axis=1) + _REACH
    )  # a shift must not be part of the usual changes with which it is compared
    firsts, lengths = np.stack([starts, starts, starts + best]), np.stack([counts, best, counts - best])
    low, high = quantiles(level, firsts.ravel(), lengths.ravel(), 0.1, 0.9)
    spread = (0.6 * (high - low)).reshape(3, -1)
    possible = size.max(axis=1) > least * np.minimum(spread[0], spread[1:].max(axis=0))
    some = np.flatnonzero(possible)
    if not len(some):
        return Shifts(some, some, np.empty(0))
    changes = np.abs(medians[_WEEK:] - medians[:-_WEEK])
    (usual,) = quantiles(changes, firsts[:, some].ravel(), lengths[:, some].ravel() - 2 * _WEEK + 1, 0.95)
    limits = np.maximum(1.8 * usual.reshape(3, -1), spread[:, some])
    limit = np.minimum(limits[0], limits[1:].max(axis=0))
    place, at = np.nonzero(size[some] > least * limit[:, None])
    peak = _peaks(place, at, size[some][place, at])
    place, at = place[peak], at[peak]
    sign = np.where(up[some][place, at] >= down[some][place, at], 1.0, -1.0)
    sizes = sign * size[some][place, at] / np.maximum(limit[place], 1e-300)
    return Shifts(some[place], at + _REACH, sizes)


def _weekly_medians(level: Floats) -> Floats:
    """Return the median of each day and the six days after it."""
    return np.sort(np.lib.stride_tricks.sliding_window_view(level, _WEEK), axis=1)[:, _WEEK // 2]


def _peaks(place: Ints, at: Ints, size: Floats) -> Ints:
    """Return, for each run of neighbouring days, the index of its largest size; of the first one if several are equal."""
    if not len(at):
        return at
    run = np.cumsum(np.append(False, (np.diff(at) != 1) | (np.diff(place) != 0)))
    order = np.lexsort((at, -size, run))
    found: Ints = order[np.append(True, np.diff(run[order]) != 0)]
    return found


def align_shifts(column: Column, place: Ints, moments: Times) -> Ints:
    """Return the rows within five days of times at which values change from the weekly profile before to the profile after."""
    rows, times, values = column.rows, column.rows.times, column.values
    bounds = rows.starts[place], rows.stops[place]
    low, high = moments - _SEARCHED * DAY, moments + _SEARCHED * DAY
    first, stop = _search(times, low, *bounds), _search(times, high, *bounds)
    counts = stop - first
    searched = flat_rows(first, counts)
    spread = tuple(each.repeat(counts) for each in (*bounds, low, high))
    before = _profile(column, searched, spread, later=False)
    after = _profile(column, searched, spread, later=True)
    gain = np.nan_to_num(np.abs(values[searched] - before) - np.abs(values[searched] - after))
    found = np.empty(len(place), np.int64)
    for block in in_blocks(counts):
        cells = as_matrix(gain, offsets_of(counts)[block], counts[block], np.inf)
        left = np.cumsum(np.pad(cells, ((0, 0), (1, 0))), axis=1)
        found[block] = first[block] + left.argmin(axis=1)
    empty = np.flatnonzero(counts == 0)
    found[empty] = _search(times, moments[empty], bounds[0][empty], bounds[1][empty])
    return found


def _search(times: Times, wanted: Times, low: Ints, high: Ints) -> Ints:
    """Return the first row from `low` on, below `high`, whose time is not before a wanted one; all arrays broadcast."""
    low, high, wanted = np.broadcast_arrays(low, high, wanted)
    while (low < high).any():
        middle = (low + high) // 2
        less = times[np.minimum(middle, len(times) - 1)] < wanted
        low, high = (
            np.where(less & (low < high), middle + 1, low),
            np.where(less, high, np.minimum(middle, high)),
        )
    return low


def _profile(column: Column, searched: Ints, spread: tuple[Ints, ...], *, later: bool) -> Floats:
    """Return the mean of the values one to three weeks from some rows, outside the searched days; NaN where there is none."""
    first, stop, low, high = spread
    rows, times = column.rows, column.rows.times
    total, count = np.zeros(len(searched)), np.zeros(len(searched))
    for weeks in (1, 2, 3) if later else (-1, -2, -3):
        wanted = times[searched] + weeks * _WEEK * DAY
        found = np.clip(
            searched + weeks * _WEEK * DAY // rows.frequency, first, stop - 1
        )  # in regular series
        other = np.flatnonzero(times[found] != wanted)
        if len(other):
            found[other] = _search(times, wanted[other], first[other], stop[other])
            found = np.minimum(found, stop - 1)
        usable = (times[found] == wanted) & (wanted >= high if later else wanted < low)
        total += np.where(usable, column.values[found], 0.0)
        count += usable
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _is_abrupt(column: Column, shifts: Shifts) -> Flags:
    """Return whether values change from a row to the next, near a shift, in its direction and further than usual steps."""
    rows = column.rows
    places, which = np.unique(shifts.place, return_inverse=True)
    limits = column.limits_of_steps(places)[which]
    near = shifts.at + np.arange(-3, 2)[:, None]
    inside = (near >= rows.starts[shifts.place]) & (near < rows.stops[shifts.place] - 1)
    near = np.where(inside, near, 0)
    change = np.where(
        inside, column.values[np.minimum(near + 1, len(column.values) - 1)] - column.values[near], 0.0
    )
    change = np.where(column.steps[near] > 0, np.sign(shifts.size) * change, 0.0)
    abrupt: Flags = change.max(axis=0) > _ABRUPT * limits
    return abrupt


def _lasting(rows: Rows, shifts: Shifts) -> Spans:
    """Join each shift with the next one back, which ends it; other shifts last until the next one or the end."""
    firsts, stops, sizes = [], [], []
    last_rows = rows.stops[shifts.place].tolist()
    facts = list(zip(shifts.place.tolist(), shifts.at.tolist(), shifts.size.tolist(), strict=True))
    ended = False
    for number, (place, row, size) in enumerate(facts):
        following = facts[number + 1] if number + 1 < len(facts) else None
        if following is not None and following[0] != place:
            following = None
        if ended:  # the end of the shift before
            ended = False
            continue
        ended = following is not None and following[2] * size < 0
        stop = following[1] if ended and following is not None else last_rows[number]
        if row < stop:
            firsts.append(row)
            stops.append(stop)
            sizes.append(abs(size))
    return Spans(np.array(firsts, np.int64), np.array(stops, np.int64), np.array(sizes))


# --- swapped dates --------------------------------------------------------------------------------------------


def find_swapped(rows: Rows, means: Floats) -> Found:
    """Find years whose daily means become smooth if day and month are exchanged on days 1 to 12; `rows` have distinct times."""
    days = rows.days
    change = np.abs(np.diff(means, prepend=means[:1]))
    early, late = days.pairs
    sums = [np.add.reduceat(part, days.starts) for part in (change * early, early, change * late, late)]
    rough = sums[0] * sums[3] > _ROUGHER * sums[2] * sums[1]
    for place, year, ratio in swapped_years(days, means, np.flatnonzero(rough & (days.lengths >= FEWEST))):
        own = days.days[days.starts[place] : days.starts[place] + days.lengths[place]]
        bounds = _month_bounds(year)
        present = np.searchsorted(own, bounds[:, 0]) < np.searchsorted(own, bounds[:, 1])
        for start, end in moment_of_day(bounds[present], 0, rows.zone).tolist():
            yield place, Finding(SWAPPED, start, end, rounded(ratio), 0.0)


def swapped_years(days: Days, means: Floats, places: Ints) -> list[tuple[int, int, float]]:
    """Return (index of the series, year, ratio of roughness) of swapped years of some series."""
    counts = days.lengths[places]
    rows, which = flat_rows(days.starts[places], counts), np.arange(len(places)).repeat(counts)
    if not len(rows):
        return []
    day, mean = days.days[rows], means[rows]
    dates = day.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    other = _swap(years, months.astype(np.int64) % 12 + 1, of_month, day)
    exchanged = _means_at(which, day, mean, other)
    as_is, back = np.abs(np.diff(mean)), np.abs(np.diff(exchanged))
    pair = (np.diff(which) == 0) & (np.diff(day) == 1)
    pair &= ~np.isnan(back) & (of_month[1:] <= _SWAPPED_DAYS + 1)
    chosen = np.flatnonzero(pair)
    if not len(chosen):
        return []
    owner, year, old, new = which[1:][chosen], years[1:][chosen], as_is[chosen], back[chosen]
    start = np.append(0, np.flatnonzero((np.diff(owner) != 0) | (np.diff(year) != 0)) + 1)
    number = np.diff(np.append(start, len(owner)))
    rough, smooth = np.add.reduceat(old, start), np.add.reduceat(new, start)
    smoother = np.add.reduceat((new < old).astype(np.int64), start)
    found = (number >= _FEWEST_PAIRS) & (smooth < 0.75 * rough) & (smoother > 0.55 * number)
    ratio = rough / np.maximum(smooth, 1e-300)
    start = start[found]
    return list(zip(places[owner[start]].tolist(), year[start].tolist(), ratio[found].tolist(), strict=True))


def _means_at(which: Ints, day: Ints, mean: Floats, wanted: Ints) -> Floats:
    """Return each series' mean of a wanted day; NaN where it has none."""
    first, span = int(min(day.min(), wanted.min())), int(max(day.max(), wanted.max()))
    span += 1 - first
    keys = which * span + day - first
    wanted_keys = which * span + wanted - first
    rows = np.minimum(np.searchsorted(keys, wanted_keys), len(keys) - 1)
    return np.where(keys[rows] == wanted_keys, mean[rows], np.nan)


def _swap(years: Ints, month: Ints, of_month: Ints, days: Ints) -> Ints:
    """Exchange day and month of dates with a day from 1 to 12; other dates stay."""
    early = of_month <= _SWAPPED_DAYS
    first = (
        ((years - 1970) * 12 + np.where(early, of_month, 1) - 1)
        .astype("datetime64[M]")
        .astype("datetime64[D]")
    )
    return np.where(early, first.astype(np.int64) + month - 1, days)


def _month_bounds(year: int) -> Ints:
    """Return the first and the 13th day of each month of a year, as days since 1970, in pairs."""
    months = np.arange((year - 1970) * 12, (year - 1969) * 12).astype("datetime64[M]").astype("datetime64[D]")
    first = months.astype(np.int64)
    return np.stack([first, first + _SWAPPED_DAYS], axis=1)
