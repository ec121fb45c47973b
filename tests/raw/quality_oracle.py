"""The checks of values of one series, one after another: what the checks of all series at once must find.

Slow: every check selects, sorts and compares the values of one series at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.raw.quality_findings import (
    FROZEN,
    GAP,
    LEVEL_SHIFT,
    OUTLIER,
    SWAPPED,
    ZERO_RUN,
    ZEROS,
    Finding,
)
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import moment_of_day, wall_of

FEWEST = 48  # values; a shorter series is not checked
_APART = 1.5  # outliers are this many times larger than the largest value that is not one
_LONGEST_SPIKE = 3  # rows
_SHORTEST_RUN = 10  # rows
_LONGER = 4  # times as long as the usual runs of the series
_SHORTEST_GAP = 6  # steps without a value
_RANGE_TAIL = ((0.5, 0.9, 0.99), 3.0)  # of the limit of distances from the median
_SAMPLE = 2048  # rows
_CLOSE = 0.85  # of a limit that is estimated from a sample
_STEP_TAIL = ((0.5, 0.8, 0.95), 4.0)  # of the limit of steps
_ABRUPT = 0.7  # of the limit of steps: a step of a level shift that is too small to be recognized by its level alone
_WEEK = 7
_WEEKS = 4  # a level shift separates so many weeks from so many others
_SWAPPED_DAYS = 12
_FEWEST_PAIRS = 24  # pairs of days in a year on which swapped dates can be recognized

Span = tuple[int, int, float]
"""First row, row after the last, and how many times the limit is exceeded."""


def find_outliers(values: Floats, near: Flags, *, far: bool = True, spikes: bool = True) -> list[Span]:
    """Return rows far outside the range of the series, and short spikes that are large for its steps.

    `near[i]` says whether row i + 1 is one step after row i. Limits are extrapolated from the upper half of the distribution to
    one exceedance in a thousand series; outliers must also be well separated from the remaining values.
    """
    sizes = np.zeros(len(values))
    if far:
        _mark_far(values, sizes)
    if spikes:
        _mark_spikes(values, near, sizes)
    return _spans_of(sizes)


def may_be_far(values: Floats) -> bool:
    """Return False if limits estimated from a sample of a long series say that no value is far outside its range."""
    every = _sample_distance(len(values))
    if every == 1:
        return True
    sample = _without_codes(values[::every])
    middle = quantiles(sample, 0.5)[0]
    return any(
        sign * float(end - middle) > _CLOSE * tail_limit(sign * (sample - middle), len(values), *_RANGE_TAIL)
        for sign, end in ((1, values.max()), (-1, values.min()))
    )


def may_have_spikes(values: Floats) -> bool:
    """Return False if limits estimated from a sample of a long series say that it has no short large excursion."""
    every = _sample_distance(len(values))
    if every == 1:
        return True
    steps = np.diff(values)
    limit = _CLOSE * tail_limit(np.abs(steps[::every]), len(values), *_STEP_TAIL)
    large = np.flatnonzero(np.abs(steps) > limit)
    return bool(((np.diff(large) <= _LONGEST_SPIKE) & (steps[large[:-1]] * steps[large[1:]] < 0)).any())


def _sample_distance(count: int) -> int:
    """Return the distance of sampled rows that meet all hours and weekdays; 1 for a short series."""
    every = count // _SAMPLE
    if every < 4:
        return 1
    while math.gcd(every, 42) > 1:
        every += 1
    return every


def find_false_zeros(values: Floats) -> list[Span]:
    """Return the runs of zeros in a series that is otherwise never near zero."""
    zero = values == 0
    count = int(zero.sum())
    if not count or 20 * count > len(values) or len(values) - count < FEWEST:
        return []
    sample = np.abs(values[::7])
    if np.count_nonzero(sample < 0.1 * quantiles(sample, 0.5)[0]) > count / 7 + 0.01 * len(sample) + 10:
        return []  # small values are usual
    others = np.abs(values[~zero])
    low, middle = quantiles(others, 0.001, 0.5)
    signs = np.sign(values[~zero])
    if low < 0.2 * middle or signs.min() != signs.max():
        return []
    return _spans_of(np.where(zero, middle / max(low, 1e-300) + 1, 0.0))


def find_runs(values: Floats, near: Flags) -> list[Span]:
    """Return runs of equal values that are long for the series and for their value."""
    changes = np.ones(len(values), np.bool_)
    changes[1:] = (values[1:] != values[:-1]) | ~near
    firsts = np.flatnonzero(changes)
    lengths = np.diff(np.append(firsts, len(values)))
    limit = max(_SHORTEST_RUN, _LONGER * _length_at(lengths, 0.99))
    found: list[Span] = []
    for run in np.flatnonzero(lengths >= limit).tolist():
        length, value = int(lengths[run]), values[firsts[run]]
        alike = (values[firsts] == value) & (lengths > 1)
        alike[run] = False
        usual = limit
        if alike.sum() >= 3:  # a usual state of the series: calm, night, rated power
            usual = max(limit, _LONGER * _length_at(lengths[alike], 0.9))
        if length >= usual:
            found.append((int(firsts[run]), int(firsts[run]) + length, length / usual))
    return found


def find_gaps(times: Times, frequency: int) -> list[tuple[int, int, float]]:
    """Return the intervals (from, until, severity) without a value that are long for the series; `times` are distinct."""
    distances = np.diff(times)
    if len(distances) < FEWEST:
        return []
    step = max(usual_step(times), frequency)
    gaps = distances[distances > step]
    limit = float((_SHORTEST_GAP + 1) * step)
    if len(gaps) >= 10:  # gaps are usual
        limit = max(limit, 2 * quantiles(gaps.astype(np.float64), 0.9)[0])
    wide = np.flatnonzero(distances >= limit).tolist()
    return [(int(times[at]) + step, int(times[at + 1]), float(distances[at]) / limit) for at in wide]


def find_level_shifts(days: Ints, means: Floats, least: float = 1.0) -> list[tuple[int, float]]:
    """Return the days at which the level of daily means changes for weeks, each with its signed size in limits, from `least` on.

    The weekly medians of four weeks before must all lie on one side of those of four weeks after, further apart than
    medians of neighbouring weeks and daily means of the series differ usually.
    """
    count = int(days[-1] - days[0]) + 1
    reach = _WEEK * _WEEKS
    if count < 2 * reach or len(days) < 0.8 * count:
        return []
    level = np.interp(np.arange(count), days - days[0], means)
    medians = _weekly_medians(level)
    at = np.arange(reach, count - reach + 1)
    after = medians[at[:, None] + _WEEK * np.arange(_WEEKS)]
    before = medians[at[:, None] - _WEEK * np.arange(1, _WEEKS + 1)]
    up = after.min(axis=1) - before.max(axis=1)
    down = before.min(axis=1) - after.max(axis=1)
    size = np.maximum(up, down)
    best = int(at[size.argmax()])  # a shift must not be part of the usual changes with which it is compared
    halves = ((level[:best], medians[: best - _WEEK + 1]), (level[best:], medians[best:]))
    if size.max() <= least * min(_spread(level), max(_spread(half) for half, _ in halves)):
        return []
    limit = min(_shift_limit(level, medians), max(_shift_limit(*half) for half in halves))
    found: list[tuple[int, float]] = []
    for first, stop, _ in _spans_of(np.where(size > least * limit, size, 0.0)):
        best = first + int(size[first:stop].argmax())
        sign = 1.0 if up[best] >= down[best] else -1.0
        found.append((int(days[0] + at[best]), sign * float(size[best]) / max(limit, 1e-300)))
    return found


def find_swapped_years(days: Ints, means: Floats) -> list[tuple[int, float]]:
    """Return the years whose daily means become smooth if day and month are exchanged on days 1 to 12, with the ratio."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    swapped = _swap(years, month, of_month, days)
    other = np.searchsorted(days, swapped)
    other[other == len(days)] = 0
    exchanged = np.where(days[other] == swapped, means[other], np.nan)
    as_is, back = np.abs(np.diff(means)), np.abs(np.diff(exchanged))
    pair = (np.diff(days) == 1) & ~np.isnan(back) & (of_month[1:] <= _SWAPPED_DAYS + 1)
    found = []
    for year in np.unique(years[1:][pair]).tolist():
        rows = pair & (years[1:] == year)
        old, new = as_is[rows], back[rows]
        if len(old) >= _FEWEST_PAIRS and new.sum() < 0.75 * old.sum() and (new < old).mean() > 0.55:
            found.append((int(year), float(old.sum() / max(new.sum(), 1e-300))))
    return found


def usual_step(times: Times) -> int:
    """Return the median distance of distinct times in ns; 0 if there are fewer than two."""
    distances = np.diff(times)
    distances = distances[distances > 0]
    if not len(distances):
        return 0
    usual = distances[len(distances) // 2]
    if 2 * np.count_nonzero(distances == usual) > len(distances):  # selection is slow among equal numbers
        return int(usual)
    return int(quantiles(distances, 0.5)[0])


def is_abrupt(values: Floats, near: Flags, row: int, sign: float) -> bool:
    """Return whether values change from a row to the next, next to `row`, in a direction and further than usual steps."""
    steps = np.where(near, np.diff(values), 0.0)
    part = sign * steps[max(0, row - 3) : row + 2]
    return bool(part.max(initial=0.0) > _ABRUPT * tail_limit(np.abs(steps), len(values), *_STEP_TAIL))


def quantiles(values: Floats | Ints, *shares: float) -> list[float]:
    """Return the smallest values that at least these shares of all values do not exceed: exact order statistics."""
    places = [max(0, math.ceil(share * len(values)) - 1) for share in shares]
    ordered = np.partition(values, sorted(set(places)))
    return [float(ordered[place]) for place in places]


def tail_limit(sizes: Floats, count: int, shares: tuple[float, float, float], least: float) -> float:
    """Extrapolate the distribution of `sizes` above zero as a Weibull tail to one exceedance in 1,000 series of `count` rows.

    The limit is at least `least` times the last quantile; it is infinite where there are too few sizes.
    """
    sizes = sizes[sizes > 0]
    if len(sizes) < FEWEST // 2:
        return math.inf
    found = quantiles(sizes, *shares)
    limit = least * found[-1]
    wanted = math.log(1000.0 * count)
    for place in (0, 1):
        near, far = -math.log(1 - shares[place]), -math.log(1 - shares[place + 1])
        power = math.log(max(found[place + 1] / found[place], 1.0)) / math.log(far / near)
        limit = max(limit, float(found[place + 1] * np.float64(wanted / far) ** power))  # or infinite
    return limit


def _length_at(lengths: Ints, share: float) -> int:
    """Return the quantile of lengths, by counting."""
    counts = np.cumsum(np.bincount(lengths))
    return int(np.searchsorted(counts, max(1, math.ceil(share * len(lengths)))))


def _mark_far(values: Floats, sizes: Floats) -> None:
    core = _without_codes(values)
    middle = quantiles(core, 0.5)[0]
    for sign in (1, -1):
        limit = tail_limit(sign * (core - middle), len(core), *_RANGE_TAIL)
        away = sign * (values - middle)
        least = _separated(away[away >= limit / _APART], limit)
        np.maximum(sizes, np.where(away >= least, away / limit, 0.0), out=sizes)


def _without_codes(values: Floats) -> Floats:
    """Leave out the smallest and the largest value where they are repeated but rare, as codes for "missing" are."""
    ends = (values == values.min()) | (values == values.max())
    count = int(ends.sum())
    return values[~ends] if 3 <= count <= 0.05 * len(values) else values


def _mark_spikes(values: Floats, near: Flags, sizes: Floats) -> None:
    steps = np.where(near, np.diff(values), 0.0)
    limit = tail_limit(np.abs(steps), len(values), *_STEP_TAIL)
    large = np.flatnonzero(np.abs(steps) > limit / _APART)
    if len(large) < 2:
        return
    into, out = large[:-1], large[1:]
    spike = (out - into <= _LONGEST_SPIKE) & (steps[into] * steps[out] < 0)
    into, out = into[spike], out[spike]
    size = np.minimum(np.abs(steps[into]), np.abs(steps[out]))
    least = _separated(size, limit)
    low, high = quantiles(values, 0.01, 0.99)
    for first, last, height in zip((into + 1).tolist(), out.tolist(), size.tolist(), strict=True):
        inside = values[first : last + 1]
        outside = inside.max() > high if steps[first - 1] > 0 else inside.min() < low or (inside == 0).all()
        if height >= least and outside:
            np.maximum(sizes[first : last + 1], height / limit, out=sizes[first : last + 1])


def _separated(sizes: Floats, limit: float) -> float:
    """Return the smallest size from `limit` on that is well above the next smaller one; infinite if there is none."""
    if not len(sizes):
        return math.inf
    ordered = np.sort(sizes)
    before = np.concatenate([[limit / _APART], ordered[:-1]])
    apart = (ordered >= limit) & (ordered >= _APART * before)
    return float(ordered[apart.argmax()]) if apart.any() else math.inf


def _shift_limit(level: Floats, medians: Floats) -> float:
    """Return how far apart the levels before and after must be, from daily means and their weekly medians."""
    return max(1.8 * quantiles(np.abs(medians[_WEEK:] - medians[:-_WEEK]), 0.95)[0], _spread(level))


def _spread(level: Floats) -> float:
    low, high = quantiles(level, 0.1, 0.9)
    return 0.6 * (high - low)


def _weekly_medians(level: Floats) -> Floats:
    """Return the median of each day and the six days after it."""
    return np.sort(np.lib.stride_tricks.sliding_window_view(level, _WEEK), axis=1)[:, _WEEK // 2]


def _swap(years: Ints, month: Ints, of_month: Ints, days: Ints) -> Ints:
    """Exchange day and month of dates with a day from 1 to 12; other dates stay."""
    dates = zip(years.tolist(), month.tolist(), of_month.tolist(), days.tolist(), strict=True)
    epoch = date(1970, 1, 1).toordinal()
    return np.array(
        [
            date(year, day, month).toordinal() - epoch if day <= _SWAPPED_DAYS else number
            for year, month, day, number in dates
        ],
        np.int64,
    )


def _spans_of(sizes: Floats) -> list[Span]:
    """Return the runs of sizes above zero, each with its largest size."""
    marked = np.concatenate([[False], sizes > 0, [False]])
    edges = np.flatnonzero(marked[1:] != marked[:-1])
    return [
        (first, stop, float(sizes[first:stop].max()))
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def month_bounds(year: int) -> Ints:
    """Return the first and the 13th day of each month of a year, as days since 1970, in pairs."""
    months = np.arange((year - 1970) * 12, (year - 1969) * 12).astype("datetime64[M]").astype("datetime64[D]")
    first = months.astype(np.int64)
    return np.stack([first, first + _SWAPPED_DAYS], axis=1)


def align_shift(times: Times, values: Floats, near_time: int) -> int:
    """Return the row within five days of a time at which values leave the weekly profile before for the one after."""
    week = _WEEK * DAY
    low, high = near_time - 5 * DAY, near_time + 5 * DAY
    rows = np.arange(*np.searchsorted(times, [low, high]))
    if not len(rows):
        return int(np.searchsorted(times, near_time))
    before = _profile(times, values, times[rows], [-week, -2 * week, -3 * week], (None, low))
    after = _profile(times, values, times[rows], [week, 2 * week, 3 * week], (high, None))
    gain = np.abs(values[rows] - before) - np.abs(values[rows] - after)
    left = np.concatenate([[0.0], np.cumsum(np.nan_to_num(gain))])
    return int(rows[0] + left.argmin())


def _profile(
    times: Times, values: Floats, wanted: Times, shifts: list[int], limits: tuple[int | None, int | None]
) -> Floats:
    """Return the mean of the values a few weeks apart from the wanted times that lie within limits; NaN where none does."""
    total, count = np.zeros(len(wanted)), np.zeros(len(wanted))
    for shift in shifts:
        moved = wanted + shift
        place = np.minimum(np.searchsorted(times, moved), len(times) - 1)
        usable = times[place] == moved
        if limits[0] is not None:
            usable &= moved >= limits[0]
        if limits[1] is not None:
            usable &= moved < limits[1]
        total += np.where(usable, values[place], 0.0)
        count += usable
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def expected_findings(times: Times, values: Floats, frequency: int, zone: str = "UTC") -> list[Finding]:
    """Check one series of rows sorted by time; several rows of one time are vintages, the newest last."""
    with np.errstate(all="ignore"):
        newest = np.append(np.diff(times) != 0, True)
        track, series = times[newest], values[newest]
        found = [Finding(GAP, start, end, rounded(size), 0.0) for start, end, size in _gaps(track, frequency)]
        if len(values) >= FEWEST:
            found += _of_rows(times, values, frequency)
        if len(series) >= FEWEST:
            found += _of_track(track, series, frequency, zone)
    return sorted(found, key=lambda each: (each.from_time, each.until_time, each.reason))


def near_rows(times: Times, frequency: int) -> Flags:
    distances = np.diff(times)
    distinct = len(np.unique(times))
    step = max(frequency, int(times[-1] - times[0]) // max(distinct - 1, 1))
    near: Flags = distances <= 2 * step
    return near


def _gaps(track: Times, frequency: int) -> list[tuple[int, int, float]]:
    far = len(track) >= FEWEST and not near_rows(track, frequency).all()
    return find_gaps(track, frequency) if far else []


def _findings(reason: str, spans: list[Span], times: Times, values: Floats) -> Iterator[Finding]:
    for first, stop, size in spans:
        inside = values[first:stop]
        until = int(times[stop - 1]) + max(usual_step(times), 1)
        yield Finding(reason, int(times[first]), until, rounded(size), float(inside[np.abs(inside).argmax()]))


def _of_rows(times: Times, values: Floats, frequency: int) -> Iterator[Finding]:
    near = near_rows(times, frequency)
    steps = np.append(np.where(near, np.abs(np.diff(values)), 0.0), 0.0)
    sample = values[::7]
    mean = sample.mean()
    deviation = math.sqrt(max((sample * sample).mean() - mean * mean, 0.0))
    changes = values.max() > values.min()
    near_mean = max(values.max() - mean, mean - values.min()) <= 5 * deviation  # False if a square overflows
    far = changes and not near_mean and may_be_far(values)
    spiky = changes and steps.max() > 8 * steps.mean() and may_have_spikes(values)
    spans = find_outliers(values, near, far=bool(far), spikes=bool(spiky))
    false_zeros = find_false_zeros(values)
    if false_zeros:
        spans = [span for span in spans if values[span[0] : span[1]].any()]
    yield from _findings(OUTLIER, spans, times, values)
    yield from _findings(ZEROS, false_zeros, times, values)


def _of_track(times: Times, values: Floats, frequency: int, zone: str) -> Iterator[Finding]:
    near = near_rows(times, frequency)
    for span in find_runs(values, near):
        zero = values[span[0]] == 0
        if not (zero and find_false_zeros(values)):
            yield from _findings(ZERO_RUN if zero else FROZEN, [span], times, values)
    offset = int(wall_of(times[:1], zone)[0] - times[0])
    day = (times + offset) // DAY
    days = np.unique(day)
    means = np.array([values[day == each].mean() for each in days.tolist()])
    deviation = math.sqrt(max((means * means).mean() - means.mean() ** 2, 0.0))
    moved = [
        abs(means[at : at + 28].sum() - means[at - 28 : at].sum()) / 28 for at in range(28, len(means) - 27)
    ]
    if moved and not max(moved) <= 1.4 * deviation:
        yield from _level_shifts(times, values, near, days, means)
    for year, ratio in find_swapped_years(days, means) if _is_rough(days, means) else []:
        for first, until in month_bounds(year).tolist():
            if ((days >= first) & (days < until)).any():
                start, end = moment_of_day(np.array([first, until]), 0, zone).tolist()
                yield Finding(SWAPPED, start, end, rounded(ratio), 0.0)


def _level_shifts(times: Times, values: Floats, near: Flags, days: Ints, means: Floats) -> Iterator[Finding]:
    offset = int(times[0] // DAY - days[0])
    shifts = []
    for day, size in find_level_shifts(days, means, 0.5):
        row = align_shift(times, values, int(day + offset) * DAY)
        if abs(size) > 1 or is_abrupt(values, near, row, float(np.sign(size))):
            shifts.append((row, size))
    ended = False
    for number, (row, size) in enumerate(shifts):
        if ended:
            ended = False
            continue
        ended = number + 1 < len(shifts) and shifts[number + 1][1] * size < 0
        stop = shifts[number + 1][0] if ended else len(values)
        if row < stop:
            yield from _findings(LEVEL_SHIFT, [(row, stop, abs(size))], times, values)


def _is_rough(days: Ints, means: Floats) -> bool:
    if len(days) < FEWEST:
        return False
    dates = days.astype("datetime64[D]")
    of_month = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    after = np.append(False, np.diff(days) == 1)
    change = np.abs(np.diff(means, prepend=means[:1]))
    early, late = after & (of_month > 1) & (of_month <= 12), after & (of_month > 13)
    return bool(change[early].sum() * late.sum() > 1.5 * change[late].sum() * early.sum())


def rounded(severity: float) -> float:
    return float(f"{min(severity, 1e300):.3g}")
