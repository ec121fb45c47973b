"""Runs the checks of `quality_checks` over a table while it is written: cheap screens over many series, then checks of few.

Rows are copied into a buffer of fixed size and checked when whole series are complete; a series longer than the buffer is
checked in pieces. The pieces depend on the table alone, so that no finding depends on workers, blocks or the cache.
A screen is part of its check: what it lets pass is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from hindcast.pipeline.arrays import BufferPool, Flags, Floats, Ints, Times
from hindcast.pipeline.raw.quality_checks import (
    FEWEST,
    FROZEN,
    GAP,
    LEVEL_SHIFT,
    OUTLIER,
    SWAPPED,
    ZERO_RUN,
    ZEROS,
    Finding,
    Span,
    align_shift,
    find_false_zeros,
    find_gaps,
    find_level_shifts,
    find_outliers,
    find_runs,
    find_swapped_years,
    is_abrupt,
    may_be_far,
    may_have_spikes,
    month_bounds,
    usual_step,
)
from hindcast.pipeline.raw.quality_findings import TableFindings
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import moment_of_day, wall_of
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import ROWS_A_PIECE

_BUFFER_NUMBERS = 4 << 20  # numbers in the buffer, 32 MiB: this bounds the memory of the check of one table
_LARGE_STEP = 8  # times the mean step: no spike without one
_EVERY = 7  # rows of the sample for mean and deviation; not a divisor of 24
_MONTH = 28  # days
_FAR = 5  # standard deviations from the mean: no outlier without one
_QUAD = 4  # a run of seven equal values contains four at a multiple of four rows
_MOVED = 1.4  # standard deviations between four weeks and the next four: no level shift without that
_FAINT = 0.5  # of the limit of a level shift, if it begins with an unusual step
_ROUGHER = (
    1.5  # times as large changes between days 1 to 12 than between later days: no swapped dates without that
)


class QualityScan:
    """Checks the rows of one table: `add` them in their order, then call `finish`."""

    def __init__(
        self, source: Source, frequency: int, zone: str, names: list[str], buffers: BufferPool
    ) -> None:
        self._source, self._frequency, self._zone, self._names = source, frequency, zone, names
        fields = 2 + len(source.values)
        self._capacity = max(2 * ROWS_A_PIECE, _BUFFER_NUMBERS // fields)
        self._buffers, self._fields = buffers, fields
        self._buffer: Ints | None = None
        self._count = 0
        self._findings: dict[tuple[str, str], list[Finding]] = {}
        self._ends: dict[str, dict[str, int]] = {}

    def add(self, records: Records) -> None:
        """Add sorted rows, at most `ROWS_A_PIECE`; they are copied."""
        if self._source.is_static:
            return
        if self._buffer is None:
            self._buffer = self._buffers.acquire((self._fields, self._capacity), np.dtype(np.int64))
        if self._count + len(records) > self._capacity:
            self._check_complete()
        part = slice(self._count, self._count + len(records))
        self._buffer[0, part] = records.key
        self._buffer[1, part] = records.times[0]
        for row, column in zip(self._buffer[2:], records.values, strict=True):
            row[part] = column.view(np.int64)
        self._count += len(records)

    def finish(self) -> TableFindings:
        """Check the remaining rows; returns all findings."""
        self._check(self._count)
        self._buffer = None
        return TableFindings(self._findings, self._ends)

    def _check_complete(self) -> None:
        """Check all series but the last, which may continue; the last as well if it fills most of the buffer."""
        assert self._buffer is not None
        last = int(np.searchsorted(self._buffer[0, : self._count], self._buffer[0, self._count - 1]))
        stop = last if self._count - last <= self._capacity - 2 * ROWS_A_PIECE and last else self._count
        self._check(stop)
        for row in self._buffer:
            row[: self._count - stop] = row[stop : self._count]
        self._count -= stop

    def _check(self, count: int) -> None:
        if not count or self._buffer is None:
            return
        codes, times = self._buffer[0, :count], self._buffer[1, :count]
        with np.errstate(all="ignore"):  # squares of huge values
            self._check_values(codes, times)

    def _check_values(self, codes: Ints, times: Times) -> None:
        assert self._buffer is not None
        count = len(codes)
        rows = Rows(codes, times, self._frequency, self._zone)
        checked, missing = rows, np.zeros(count, np.bool_)  # values of one source are often missing together
        for (name, setting), bits in zip(self._source.values.items(), self._buffer[2:], strict=True):
            values = bits[:count].view(np.float64)
            whole = self._source.role != "known" and setting.allowed is None and not setting.angle
            if np.isnan(values.min()):
                if not np.array_equal(missing, empty := np.isnan(values)):
                    if empty.all():
                        continue
                    checked, missing = Rows(codes[~empty], times[~empty], self._frequency, self._zone), empty
                self._check_value(name, checked, values[~empty], whole=whole)
            else:
                self._check_value(name, rows, values, whole=whole)

    def _check_value(self, name: str, rows: Rows, values: Floats, *, whole: bool) -> None:
        ends = self._ends.setdefault(name, {})
        for code, end in zip(
            rows.codes[rows.starts].tolist(), rows.times[rows.stops - 1].tolist(), strict=True
        ):
            ends[self._names[code]] = end
        found = list(_gaps(rows))
        if whole:
            track, series = rows.track, rows.newest_of(values)
            means = track.days.means(series)
            found += [
                *_outliers(rows, values), *_zeros(rows, values), *_runs(rows, values),
                *_shifts(track, series, means), *_swaps(track, means)
            ]  # fmt: skip
        for place, finding in found:
            key = (self._names[int(rows.codes[rows.starts[place]])], name)
            self._findings.setdefault(key, []).append(finding)


class Rows:
    """Rows with a value of whole series, sorted by series and valid time; what the checks of several values share."""

    def __init__(self, codes: Ints, times: Times, frequency: int, zone: str) -> None:
        self.codes, self.times, self.frequency, self.zone = codes, times, frequency, zone
        same = codes[1:] == codes[:-1]
        self.starts = np.flatnonzero(np.concatenate([[True], ~same]))
        self.stops = np.append(self.starts[1:], len(codes))
        self.lengths = self.stops - self.starts
        distance = np.diff(times)
        repeated = same & (distance == 0)
        self.newest = np.flatnonzero(np.append(~repeated, True)) if repeated.any() else None
        distinct = self.lengths - (
            np.add.reduceat(np.append(repeated, False), self.starts) if repeated.any() else 0
        )
        span = times[self.stops - 1] - times[self.starts]
        steps = np.maximum(frequency, span // np.maximum(distinct - 1, 1))
        limits = 2 * steps if len(steps) == 1 else np.repeat(2 * steps, self.lengths)[:-1]
        self.near: Flags = same & (distance <= limits)
        self.far = ~self.near & same
        self.enough = self.lengths >= FEWEST

    @cached_property
    def track(self) -> Rows:
        """The rows of the newest vintages; the rows themselves if there are no older ones."""
        if self.newest is None:
            return self
        return Rows(self.codes[self.newest], self.times[self.newest], self.frequency, self.zone)

    def newest_of(self, values: Floats) -> Floats:
        """Return the values of the newest vintages."""
        return values if self.newest is None else values[self.newest]

    @cached_property
    def near_weight(self) -> Floats:
        """1 for each row that is followed by one of the same series after one step, else 0."""
        return np.append(self.near, False).astype(np.float64)

    @cached_property
    def days(self) -> Days:
        """The days of the rows, which must be those of the newest vintages."""
        return Days(self)

    def part(self, place: int) -> slice:
        """Return the rows of the series at `place`."""
        return slice(int(self.starts[place]), int(self.stops[place]))

    def near_part(self, place: int) -> Flags:
        """Return `near` inside the series at `place`."""
        return self.near[int(self.starts[place]) : int(self.stops[place]) - 1]

    def findings(
        self, place: int, reason: str, spans: list[Span], values: Floats
    ) -> Iterator[tuple[int, Finding]]:
        """Convert spans of rows of one series to findings; the example is the value furthest from zero or the middle row."""
        if not spans:
            return
        start, times = int(self.starts[place]), self.times[self.part(place)]
        step = max(usual_step(times), 1)
        for first, stop, severity in spans:
            inside = values[start + first : start + stop]
            value = float(inside[np.abs(inside).argmax()])
            until = int(times[stop - 1]) + step
            yield place, Finding(reason, int(times[first]), until, _rounded(severity), value)


class Days:
    """Days by a fixed offset from UTC: those of the zone's clock at the first row."""

    def __init__(self, rows: Rows) -> None:
        offset = int(wall_of(rows.times[:1], rows.zone)[0] - rows.times[0])
        day = (rows.times + offset) // DAY
        change = np.empty(len(day), np.bool_)
        change[0] = True
        np.not_equal(day[1:], day[:-1], out=change[1:])
        change[rows.starts] = True
        self.firsts = np.flatnonzero(change)
        self.counts = np.diff(np.append(self.firsts, len(day))).astype(np.float64)
        self.days = day[self.firsts]
        self.starts = np.searchsorted(self.firsts, rows.starts)
        self.stops = np.append(self.starts[1:], len(self.days))
        self.lengths = self.stops - self.starts

    def means(self, values: Floats) -> Floats:
        """Return the mean of each day."""
        return np.add.reduceat(values, self.firsts) / self.counts

    def part(self, place: int) -> slice:
        """Return the days of the series at `place`."""
        return slice(int(self.starts[place]), int(self.stops[place]))

    @cached_property
    def inner(self) -> Floats:
        """1 for days with at least four weeks of days of the series before them and from them on, else 0."""
        place = np.arange(len(self.days)) - np.repeat(self.starts, self.lengths)
        left = np.repeat(self.lengths, self.lengths) - place
        return ((place >= _MONTH) & (left >= _MONTH)).astype(np.float64)

    @cached_property
    def pairs(self) -> tuple[Floats, Floats]:
        """Weights of the change to each day from the day before: days 2 to 12 of a month, and days 14 to 31."""
        dates = self.days.astype("datetime64[D]")
        of_month = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
        after = np.concatenate([[False], np.diff(self.days) == 1])
        after[self.starts] = False
        early = after & (of_month > 1) & (of_month <= 12)
        return early.astype(np.float64), (after & (of_month > 13)).astype(np.float64)


def _outliers(rows: Rows, values: Floats) -> Iterator[tuple[int, Finding]]:
    steps = np.empty(len(values))
    np.subtract(values[1:], values[:-1], out=steps[:-1])
    steps[-1] = 0.0
    np.abs(steps, out=steps)
    steps *= rows.near_weight
    largest = np.maximum.reduceat(steps, rows.starts)
    mean_step = np.add.reduceat(steps, rows.starts) / rows.lengths
    high, low = np.maximum.reduceat(values, rows.starts), np.minimum.reduceat(values, rows.starts)
    sample = values[::_EVERY]
    firsts = np.minimum(-(-rows.starts // _EVERY), len(sample) - 1)
    counts = np.maximum(np.diff(np.append(firsts, len(sample))), 1)
    mean = np.add.reduceat(sample, firsts) / counts
    variance = np.add.reduceat(sample * sample, firsts) / counts - mean * mean
    far = np.maximum(high - mean, mean - low) > _FAR * np.sqrt(np.maximum(variance, 0.0))
    spiky = largest > _LARGE_STEP * mean_step
    for place in np.flatnonzero(rows.enough & (far | spiky) & (high > low)).tolist():
        inside = values[rows.part(place)]
        wanted = bool(far[place]) and may_be_far(inside), bool(spiky[place]) and may_have_spikes(inside)
        if not any(wanted):
            continue
        spans = find_outliers(inside, rows.near_part(place), far=wanted[0], spikes=wanted[1])
        if any(not inside[first:stop].any() for first, stop, _ in spans) and find_false_zeros(inside):
            spans = [span for span in spans if inside[span[0] : span[1]].any()]  # zeros are reported as such
        yield from rows.findings(place, OUTLIER, spans, values)


def _zeros(rows: Rows, values: Floats) -> Iterator[tuple[int, Finding]]:
    zero = values == 0
    if not zero.any():
        return
    counts = np.add.reduceat(zero, rows.starts, dtype=np.int64)
    for place in np.flatnonzero(rows.enough & (counts > 0) & (20 * counts <= rows.lengths)).tolist():
        spans = find_false_zeros(values[rows.part(place)])
        yield from rows.findings(place, ZEROS, spans, values)


def _runs(rows: Rows, values: Floats) -> Iterator[tuple[int, Finding]]:
    track, series = rows.track, rows.newest_of(values)
    quads = series[: len(series) // _QUAD * _QUAD].reshape(-1, _QUAD)
    equal = np.flatnonzero(
        (quads[:, 0] == quads[:, 3]) & (quads[:, 1] == quads[:, 2]) & (quads[:, 0] == quads[:, 1])
    )
    places = np.unique(np.searchsorted(track.starts, equal * _QUAD, side="right") - 1)
    for place in places[track.enough[places]].tolist():
        inside = series[track.part(place)]
        for first, stop, severity in find_runs(inside, track.near_part(place)):
            if inside[first] == 0 and find_false_zeros(inside):
                continue  # reported as such
            reason = ZERO_RUN if inside[first] == 0 else FROZEN
            yield from track.findings(place, reason, [(first, stop, severity)], series)


def _gaps(rows: Rows) -> Iterator[tuple[int, Finding]]:
    track = rows.track
    if not track.far.any():
        return
    places = np.unique(np.searchsorted(track.starts, np.flatnonzero(track.far), side="right") - 1)
    for place in places[track.enough[places]].tolist():
        for start, until, severity in find_gaps(track.times[track.part(place)], track.frequency):
            yield place, Finding(GAP, start, until, _rounded(severity), 0.0)


def _shifts(track: Rows, series: Floats, means: Floats) -> Iterator[tuple[int, Finding]]:
    days = track.days
    if days.lengths.max() < 2 * _MONTH:
        return
    total = np.concatenate([[0.0], np.cumsum(means)])
    moved = np.zeros(len(means))
    moved[_MONTH : 1 - _MONTH] = np.abs(
        total[2 * _MONTH :] - 2 * total[_MONTH:-_MONTH] + total[: -2 * _MONTH]
    )
    moved *= days.inner
    most = np.maximum.reduceat(moved, days.starts) / _MONTH
    mean = np.add.reduceat(means, days.starts) / days.lengths
    variance = np.add.reduceat(means * means, days.starts) / days.lengths - mean * mean
    for place in np.flatnonzero(most > _MOVED * np.sqrt(np.maximum(variance, 0.0))).tolist():
        yield from _shifts_of(place, track, series, means[days.part(place)])


def _shifts_of(place: int, track: Rows, series: Floats, means: Floats) -> Iterator[tuple[int, Finding]]:
    part = track.part(place)
    times, values, days = track.times[part], series[part], track.days.days[track.days.part(place)]
    offset, near = int(times[0] // DAY - days[0]), track.near_part(place)
    located = [
        (align_shift(times, values, int(day + offset) * DAY), size)
        for day, size in find_level_shifts(days, means, _FAINT)
    ]
    shifts = [
        (row, size) for row, size in located if abs(size) > 1 or is_abrupt(values, near, row, np.sign(size))
    ]
    ended = False
    for number, (row, size) in enumerate(shifts):
        if ended:  # the end of the shift before
            ended = False
            continue
        ended = number + 1 < len(shifts) and shifts[number + 1][1] * size < 0
        stop = shifts[number + 1][0] if ended else len(values)
        if row < stop:
            yield from track.findings(place, LEVEL_SHIFT, [(row, stop, abs(size))], series)


def _swaps(track: Rows, means: Floats) -> Iterator[tuple[int, Finding]]:
    days = track.days
    if days.lengths.max() < FEWEST:
        return
    change = np.abs(np.diff(means, prepend=means[:1]))
    early, late = days.pairs
    sums = [np.add.reduceat(part, days.starts) for part in (change * early, early, change * late, late)]
    rough = sums[0] * sums[3] > _ROUGHER * sums[2] * sums[1]
    for place in np.flatnonzero(rough & (days.lengths >= FEWEST)).tolist():
        part = days.part(place)
        for year, ratio in find_swapped_years(days.days[part], means[part]):
            for first, until in month_bounds(year).tolist():
                if not ((days.days[part] >= first) & (days.days[part] < until)).any():
                    continue
                start, end = moment_of_day(np.array([first, until]), 0, track.zone).tolist()
                yield place, Finding(SWAPPED, start, end, _rounded(ratio), 0.0)


def _rounded(severity: float) -> float:
    """Round to three significant digits: enough to order findings."""
    return float(f"{min(severity, 1e300):.3g}")
