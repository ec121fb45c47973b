"""How each kind of column of X is made for the steps of one track."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.align.asof import Values
from pipeline.align.features import Column, Kind
from pipeline.align.gaps import Flags, carried_from
from pipeline.align.prepared import Prepared
from pipeline.align.rolling import Known, Rolled, roll
from pipeline.align.search import Index
from pipeline.align.types import NOT_ISSUED, Moments
from pipeline.align.vintages import Origins, Vintages, VintageSource, first_that_has
from pipeline.align.waves import waves
from pipeline.settings.base import HOUR
from pipeline.settings.rules import lagged

Read = Mapping[str, tuple[VintageSource, Vintages]]


class View:
    """The sources of a group as of the origins of one track; what several columns need is read once."""

    def __init__(self, group: Prepared, origins: Origins, run_start: Index) -> None:
        self.group, self.origins, self.run_start = group, origins, run_start
        self.carried: Flags = np.zeros(len(run_start), np.bool_)
        self._read: dict[tuple[int, int], Read] = {}
        self._rolled: dict[str, Rolled] = {}
        self._newest: dict[str, Index] = {}

    def ahead(self, steps: int, older: int = 0) -> Read:
        """What the sources say of the step `steps` later, `older` vintages back, as each step's own origin knew it."""
        if (steps, older) not in self._read:
            self._read[steps, older] = {
                name: (source, source.at(self.group.grid, self.origins, steps, older))
                for name, source in self.group.vintages.items()
            }
        return self._read[steps, older]

    def newest(self, value: str) -> Index:
        """The place of the newest step with a known value."""
        if value not in self._newest:
            realized = self.group.realized[value]
            self._newest[value] = realized.newest(self.group.grid.series, self.origins.steps)
        return self._newest[value]

    def rolled(self, kind: Kind, of: str) -> Rolled:
        """All windows and statistics of a realized value, or of the published forecast's errors (by target)."""
        if f"{kind} {of}" not in self._rolled:
            mine = [one for one in self.group.columns if (one.kind, one.of) == (kind, of)]
            frequency = self.group.params.raw.frequency.ns
            wanted = tuple((one.lag.ns // frequency, one.statistic or "mean") for one in mine if one.lag)
            forecast = self.published(of) if kind == "published_error" else None
            known = Known(self.group.realized[of], self.group.grid, self.origins.steps, forecast)
            self._rolled[f"{kind} {of}"] = roll(known, self.newest(of), wanted)
        return self._rolled[f"{kind} {of}"]

    def published(self, target: str) -> Values:
        """The published forecast of a target, NaN where there is none."""
        chosen = self.group.published[self.group.params.align.target.index(target)]
        n = len(self.run_start)
        return np.full(n, np.nan) if chosen is None else first_that_has(chosen, self.ahead(0), n)

    def source_of(self, missing: Flags) -> Index:
        """For each step the step that its input is taken from, short gaps carried forward; -1 where none."""
        limit = self.group.params.align.gaps.fill.ns // self.group.params.raw.frequency.ns
        return carried_from(missing, self.run_start, limit)


def fill_columns(view: View) -> NDArray[np.float32]:
    """X (n, F) of all steps: a column that may miss is 0 there and its mask 1; others keep NaN where missing."""
    made = np.empty((len(view.run_start), len(view.group.columns)), np.float32)
    for at, column in enumerate(view.group.columns):
        if column.kind in _RECIPES:
            value = _RECIPES[column.kind](view, column)
            if column.may_miss:
                missing = np.isnan(value)
                made[:, column.feature.mask] = missing
                value = np.where(missing, 0.0, value)
            made[:, at] = value
    _fill_calendar(view, made)
    return made


def _fill_calendar(view: View, made: NDArray[np.float32]) -> None:
    at = [place for place, column in enumerate(view.group.columns) if column.kind == "calendar"]
    if at:
        names = tuple(view.group.columns[place].of for place in at)
        of_axis = waves(names, view.group.grid.shared.times(), view.group.zone)
        made[:, at] = of_axis[view.group.grid.shared_place]


def _input(view: View, column: Column) -> Values:
    value = _chosen(view, column)
    missing = np.isnan(value)
    if not missing.any():
        return value
    source = view.source_of(missing)
    view.carried |= missing & (source >= 0)
    return np.where(source >= 0, value[source], np.nan)


def _ahead(view: View, column: Column) -> Values:
    return _chosen(view, column, ahead=column.number)


def _vintage(view: View, column: Column) -> Values:
    return _chosen(view, column, older=column.number - 1)


def _chosen(view: View, column: Column, ahead: int = 0, older: int = 0) -> Values:
    chosen = next(one for one in view.group.inputs if one.name == column.of)
    return first_that_has(chosen, view.ahead(ahead, older), len(view.run_start))


def _lag(view: View, column: Column) -> Values:
    grid, lag = view.group.grid, column.lag
    assert lag is not None
    before = lagged(grid.shared.times(), lag, view.group.zone)[grid.shared_place]
    return view.group.realized[column.of].at(grid.own.place(grid.series, before), view.origins.steps)


def _recent(view: View, column: Column) -> Values:
    grid = view.group.grid
    place = view.newest(column.of) - (column.number - 1)
    inside = place >= grid.own.start[grid.series]
    return view.group.realized[column.of].at(np.where(inside, place, -1), view.origins.steps)


def _rolling(view: View, column: Column) -> Values:
    assert column.lag is not None
    steps = column.lag.ns // view.group.params.raw.frequency.ns
    return view.rolled(column.kind, column.of)[steps, column.statistic or "mean"]


def _lead(view: View, _: Column) -> Values:
    return _hours(view.group.grid.times - view.origins.steps)


def _vintage_lead(view: View, column: Column) -> Values:
    if column.of not in view.group.vintages:
        return np.full(len(view.run_start), np.nan)
    issued = view.ahead(0, column.number - 1)[column.of][1].issued
    none = issued == NOT_ISSUED
    if column.number > 1:  # only what stands in for the newest is carried forward
        return np.where(none, np.nan, _hours(view.group.grid.times - issued))
    source = view.source_of(none)
    return np.where(source >= 0, _hours(view.group.grid.times - issued[source]), np.nan)


def _hours(length: Moments) -> Values:
    return length / HOUR


_RECIPES: dict[Kind, Callable[[View, Column], Values]] = {
    "input": _input,
    "vintage": _vintage,
    "ahead": _ahead,
    "lag": _lag,
    "recent": _recent,
    "rolling": _rolling,
    "published_error": _rolling,
    "lead": _lead,
    "vintage_lead": _vintage_lead,
}
