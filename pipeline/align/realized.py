"""A realized value at the steps of a group's series, as it was known at any origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.aligned import NEVER_KNOWN
from hindcast.pipeline.align.asof import (
    Versions,
    block_starts,
    changes,
    is_sorted,
    last_at_most,
    sort_versions,
)
from hindcast.pipeline.align.cyclic import field_of
from hindcast.pipeline.align.grid import Axis, Grid
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.resample import Resampling, resample_known
from hindcast.pipeline.align.source_rows import SourceRows, split_shared
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Events:
    """What became known: from `known` on, the step at `place` has `value`. Sorted by (place, known)."""

    place: Ints
    known: Times
    value: Floats


@dataclass(frozen=True)
class Realized:
    """The events of one value on an axis; once a step has a value it keeps one, perhaps a revised one."""

    axis: Axis
    events: Events

    @cached_property
    def start(self) -> Ints:
        """Events of place p are `start[p]:start[p + 1]`."""
        return block_starts(self.events.place, self.axis.places)

    @cached_property
    def final(self) -> tuple[Floats, Times]:
        """For each place the last revision and the moment it became known; NaN and NEVER_KNOWN where none."""
        value = np.full(self.axis.places, np.nan)
        known = np.full(self.axis.places, NEVER_KNOWN)
        value[self.events.place] = self.events.value  # a later event overwrites an earlier one
        known[self.events.place] = self.events.known
        return value, known

    @cached_property
    def is_revised(self) -> bool:
        """Whether any step has more than one event."""
        return bool((self.events.place[1:] == self.events.place[:-1]).any())

    def at(self, places: Ints, origins: Times) -> Floats:
        """The value of each place as known at its origin; NaN where none, or where the place is -1."""
        if not self.is_revised:
            value, known = self.final
            if not len(value):
                return np.full(len(places), np.nan)
            found = value.take(places, mode="clip")
            found[(places < 0) | (known.take(places, mode="clip") > origins)] = np.nan
            return found
        first = self.start[places]
        event = last_at_most(self.events.known, first, self.start[places + 1], origins)
        is_known = (places >= 0) & (event >= first)
        return np.where(is_known, self.events.value.take(event, mode="clip"), np.nan)

    def newest(self, series: Ints, origins: Times) -> Ints:
        """The place of the newest step of a series that has a value known at the origin; -1 where none."""
        if not len(series) or not len(self.events.place):
            return np.full(len(series), -1, np.int64)
        first_known, newest, start = self._arrivals
        at = np.flatnonzero(changes(series, origins))  # many steps share an origin
        low = start[series[at]]
        found = last_at_most(first_known, low, start[series[at] + 1], origins[at])
        place = np.where(found >= low, newest.take(found, mode="clip"), -1)
        return np.repeat(place, np.diff(np.append(at, len(series))))

    @cached_property
    def _arrivals(self) -> tuple[Times, Ints, Ints]:
        """By series and moment: when steps got their first value, the newest step by then, starts of series."""
        first = np.flatnonzero(np.diff(self.events.place, prepend=-1))
        place, known = self.events.place[first], self.events.known[first]
        series = self.axis.series()[place]
        if not is_sorted(series, known):
            order = np.lexsort((known, series))
            place, known, series = place[order], known[order], series[order]
        # places ascend with the series, so the running maximum never reaches back into another series
        return known, np.maximum.accumulate(place), block_starts(series, len(self.axis.size))


def read_realized(input_: Input, tables: Mapping[str, SourceRows], grid: Grid, params: Params) -> Realized:
    """One value from all sources that make it.

    Where several sources have a step, the first of them, in the order of the settings, gives the value as
    soon as it has one; a series' own rows take precedence over those shared by the group.
    """
    made: list[Events] = []
    for source in input_.sources:
        for is_shared, rows in split_shared(tables[source]) if source in tables else ():
            field = field_of(params.raw.sources[source], input_.value)
            assert field is not None  # the sources are chosen by making the value
            spacing = params.raw.sources[source].spacing
            how = Resampling(
                (field.resample,),
                params.raw.frequency.ns,
                params.align.least_observed,
                spacing=spacing.ns if spacing else None,
            )
            if is_shared:
                made.append(_spread(_events(rows, input_.value, grid.shared, how), grid))
            else:
                made.append(_events(rows, input_.value, grid.own, how))
    return Realized(grid.own, made[0] if len(made) == 1 else _merged(made, grid.own.places))


def _events(rows: SourceRows, value: str, axis: Axis, how: Resampling) -> Events:
    column = rows.values[value]
    place = axis.place(np.maximum(rows.series, 0), rows.valid)
    # a revision without a value does not withdraw the one before
    present = (~np.isnan(column)).astype(np.int64)
    joined = sort_versions(
        place, (rows.valid, rows.known, rows.known), column[:, None], axis.places, rank=present
    )
    if joined.stamps_at_most <= 1 and joined.rows_at_most <= 1 and how.holds_one:
        return _single(joined)
    at, known = _moments(joined)
    values, _ = resample_known(joined, at, known, how)
    kept = np.flatnonzero(~np.isnan(values[:, 0]))
    return Events(at[kept], known[kept], values[kept, 0])


def _single(joined: Versions) -> Events:
    """The rows as events, where every step has at most one row."""
    first = joined.stamp_start[0]  # rows before it lie on no step
    place = np.repeat(np.arange(len(joined.stamp_start) - 1), np.diff(joined.stamp_start))
    value, known = joined.values[first : first + len(place), 0], joined.known[first : first + len(place)]
    present = ~np.isnan(value)
    return (
        Events(place, known, value)
        if present.all()
        else Events(place[present], known[present], value[present])
    )


def _moments(joined: Versions) -> tuple[Ints, Times]:
    """The distinct (place, known) of the rows, sorted: only at these the value of a step can change."""
    stamp_place = np.repeat(np.arange(len(joined.stamp_start) - 1), np.diff(joined.stamp_start))
    place, known = np.repeat(stamp_place, np.diff(joined.row_start)), joined.known
    if not is_sorted(place, known):
        order = np.lexsort((known, place))
        place, known = place[order], known[order]
    new = changes(place, known)
    return place[new], known[new]


def _spread(events: Events, grid: Grid) -> Events:
    """Events on the shared axis, for every series that has the step."""
    spread = list(_for_each_series(events, grid))
    return Events(
        *(
            np.concatenate([getattr(events, name) for events in spread])
            for name in ("place", "known", "value")
        )
    )


def _for_each_series(events: Events, grid: Grid) -> Iterator[Events]:
    ahead = (grid.own.first - grid.shared.first[0]) // grid.own.frequency
    for first, size, start in zip(ahead, grid.own.size, grid.own.start[:-1], strict=True):
        low, high = np.searchsorted(events.place, [first, first + size])
        place = events.place[low:high] - first + start
        yield Events(place, events.known[low:high], events.value[low:high])


def _merged(made: list[Events], places: int) -> Events:
    """The events at which the value changes its source or is revised; earlier members of `made` take precedence."""
    if not made:
        return Events(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    place, known, value = (
        np.concatenate([getattr(events, name) for events in made]) for name in ("place", "known", "value")
    )
    rank = np.concatenate([np.full(len(events.place), -at) for at, events in enumerate(made)])
    joined = sort_versions(place, (np.zeros_like(known), known, known), value[:, None], places, rank=rank)
    best = np.arange(len(joined.known)) if joined.best is None else joined.best
    won = np.flatnonzero(best == np.arange(len(best)))
    row_place = np.repeat(np.arange(places), np.diff(joined.row_start[joined.stamp_start]))
    return Events(row_place[won], joined.known[won], joined.values[won, 0])
