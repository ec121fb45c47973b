"""Rows of whole series as the checks of values see them: where series, vintages, gaps and days begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.raw.quality_findings import GAP, Finding
from hindcast.pipeline.raw.quality_order import FEWEST, flat_rows, offsets_of, quantiles
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of

_SHORTEST_GAP = 6  # steps without a value

Found = Iterator[tuple[int, Finding]]
"""Findings, each with the index of its series."""


class Rows:
    """Rows with a value of whole series, sorted by series and valid time; what the checks of several values share."""

    def __init__(self, codes: Ints, times: Times, frequency: int, zone: str) -> None:
        self.codes, self.times, self.frequency, self.zone = codes, times, frequency, zone
        ends = np.flatnonzero(codes[1:] != codes[:-1])
        self.starts = np.append(0, ends + 1)
        self.stops = np.append(ends + 1, len(codes))
        self.lengths = self.stops - self.starts
        distances = np.diff(times, append=times[-1:] - 1)
        distances[ends] = -1  # as in the last row
        self._distances = distances
        newest = np.flatnonzero(distances)  # the last row of each time
        self.newest = newest if len(newest) < len(codes) else None
        distinct = self.lengths if self.newest is None else self.count(newest)
        span = times[self.stops - 1] - times[self.starts]
        steps = np.maximum(frequency, span // np.maximum(distinct - 1, 1))
        wide = np.flatnonzero(distances > 2 * frequency)
        self.far = wide[distances[wide] > 2 * steps[self.place_of(wide)]]  # rows before a gap
        self.breaks = np.sort(np.concatenate([self.stops - 1, self.far]))
        """Rows that are not followed by a row of the same series after about one step."""

    def place_of(self, rows: Ints) -> Ints:
        """Return the index of the series of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def count(self, rows: Ints) -> Ints:
        """Count the given sorted rows by series."""
        edges = np.searchsorted(rows, np.append(self.starts, len(self.codes)))
        return np.diff(edges)

    def joins(self, rows: Ints) -> Flags:
        """Return for all but the first of some sorted rows whether it follows the row before it in the same series."""
        places = self.place_of(rows)
        same: Flags = (np.diff(rows) == 1) & (np.diff(places) == 0)
        return same

    @cached_property
    def track(self) -> Rows:
        """The rows of the newest vintages; the rows themselves if there are no older ones."""
        if self.newest is None:
            return self
        return Rows(self.codes[self.newest], self.times[self.newest], self.frequency, self.zone)

    @cached_property
    def sample(self) -> tuple[Ints, Ints, Ints]:
        """Every seventh row of each series (7 is no divisor of 24): rows, and where those of each series start and stop."""
        lengths = -(-self.lengths // 7)
        starts = offsets_of(lengths)
        rows = self.starts.repeat(lengths) + 7 * (
            np.arange(starts[-1] + lengths[-1]) - starts.repeat(lengths)
        )
        return rows, starts, lengths

    @cached_property
    def days(self) -> Days:
        """The days of the rows, which must be those of the newest vintages."""
        return Days(self)

    @property
    def longest(self) -> int:
        """The most days that a series spans."""
        return int((self.times[self.stops - 1] - self.times[self.starts]).max() // DAY) + 2

    @cached_property
    def usual(self) -> Ints:
        """The median distance of distinct times of each series in ns; 0 if there are fewer than two."""
        if self.newest is not None:
            return self.track.usual
        counts, middle = self.lengths - 1, self._distances[self.starts + (self.lengths - 1) // 2]
        other = self.count(np.flatnonzero(self._distances != middle[0])) - 1  # without the last rows
        usual = np.where(counts > 0, middle, 0)
        rest = np.flatnonzero((counts > 0) & ((middle != middle[0]) | (2 * (counts - other) <= counts)))
        (usual[rest],) = quantiles(self._distances, self.starts[rest], counts[rest], 0.5)
        return usual

    @cached_property
    def gaps(self) -> list[tuple[int, Finding]]:
        """Times without a value that are long for their series, as `Found`; the times of the rows must be distinct."""
        places = np.unique(self.place_of(self.far))
        places = places[self.lengths[places] > FEWEST]
        if not len(places):
            return []
        counts, steps = self.lengths[places] - 1, np.maximum(self.usual[places], self.frequency)
        limits = (_SHORTEST_GAP + 1.0) * steps
        rows, which = flat_rows(self.starts[places], counts), np.arange(len(places)).repeat(counts)
        gaps = np.flatnonzero(self._distances[rows] > steps[which])
        rows, which = rows[gaps], which[gaps]
        distances, number = self._distances[rows], np.bincount(which, minlength=len(places))
        usual = np.flatnonzero(number >= 10)
        (most,) = quantiles(distances, offsets_of(number)[usual], number[usual], 0.9)
        limits[usual] = np.maximum(limits[usual], 2 * most)
        wide = distances >= limits[which]
        rows, which, sizes = rows[wide], which[wide], distances[wide] / limits[which[wide]]
        starts, untils = self.times[rows] + steps[which], self.times[rows + 1]
        facts = zip(places[which].tolist(), starts.tolist(), untils.tolist(), sizes.tolist(), strict=True)
        return [
            (place, Finding(GAP, start, until, rounded(size), 0.0)) for place, start, until, size in facts
        ]

    def findings(self, reason: str, spans: Spans, values: Floats) -> Found:
        """Convert spans of rows to findings; the example is the value furthest from zero."""
        if not len(spans.firsts):
            return
        places = self.place_of(spans.firsts)
        untils = self.times[spans.stops - 1] + np.maximum(self.usual[places], 1)
        bounds = zip(spans.firsts.tolist(), spans.stops.tolist(), strict=True)
        facts = zip(
            places.tolist(),
            self.times[spans.firsts].tolist(),
            untils.tolist(),
            spans.sizes.tolist(),
            strict=True,
        )
        for (first, stop), (place, start, until, size) in zip(bounds, facts, strict=True):
            inside = values[first:stop]
            example = float(inside[np.abs(inside).argmax()])
            yield place, Finding(reason, start, until, rounded(size), example)


@dataclass(frozen=True)
class Spans:
    """Runs of rows of one series: first rows, rows after the last, and how many times the limit is exceeded."""

    firsts: Ints
    stops: Ints
    sizes: Floats

    @classmethod
    def none(cls) -> Spans:
        """No spans."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    @classmethod
    def of_rows(cls, rows: Rows, marked: Ints, sizes: Floats) -> Spans:
        """Join marked rows, in any order and possibly repeated, each with its size; a span has its largest size."""
        if not len(marked):
            return cls.none()
        each, which = np.unique(marked, return_inverse=True)
        largest = np.zeros(len(each))
        np.maximum.at(largest, which, sizes)
        first = np.append(0, np.flatnonzero(~rows.joins(each)) + 1)
        last = np.append(first[1:], len(each)) - 1
        return cls(each[first], each[last] + 1, np.maximum.reduceat(largest, first))

    def take(self, chosen: Flags) -> Spans:
        """Return some spans."""
        return Spans(self.firsts[chosen], self.stops[chosen], self.sizes[chosen])


class Days:
    """Days by a fixed offset from UTC for each series: that of the zone's clock at its first row."""

    def __init__(self, rows: Rows) -> None:
        first = rows.times[rows.starts]
        offsets = wall_of(first, rows.zone) - first
        alike = bool((offsets == offsets[0]).all())
        day = (rows.times + (offsets[0] if alike else offsets.repeat(rows.lengths))) // DAY
        changes = np.flatnonzero(day[1:] != day[:-1]) + 1
        if len(rows.starts) > 1:
            changes = np.union1d(changes, rows.starts[1:])
        self.firsts = np.append(0, changes)
        self.counts = np.diff(np.append(self.firsts, len(day))).astype(np.float64)
        self.days = day[self.firsts]
        self.starts = np.searchsorted(self.firsts, rows.starts)
        self.lengths = np.diff(np.append(self.starts, len(self.days)))

    def means(self, values: Floats) -> Floats:
        """Return the mean of each day."""
        return np.add.reduceat(values, self.firsts) / self.counts

    @cached_property
    def pairs(self) -> tuple[Floats, Floats]:
        """Weights of the change to each day from the day before: days 2 to 12 of a month, and days 14 to 31."""
        dates = self.days.astype("datetime64[D]")
        of_month = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
        after = np.concatenate([[False], np.diff(self.days) == 1])
        after[self.starts] = False
        early = after & (of_month > 1) & (of_month <= 12)
        return early.astype(np.float64), (after & (of_month > 13)).astype(np.float64)


def rounded(severity: float) -> float:
    """Round to three significant digits: enough to order findings."""
    return float(f"{min(severity, 1e300):.3g}")
