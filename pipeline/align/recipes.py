"""How each kind of column of X is made for the steps of one track."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.align.asof import Values
from pipeline.align.features import Column, Kind
from pipeline.align.gaps import Flags, carried_from
from pipeline.align.prepared import Prepared
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
        self._ahead: dict[int, Read] = {}
        self._newest: dict[str, Index] = {}

    def ahead(self, steps: int) -> Read:
        """What the sources say of the step `steps` later, as each step's own origin knew it."""
        if steps not in self._ahead:
            self._ahead[steps] = {
                name: (source, source.at(self.group.grid, self.origins, steps))
                for name, source in self.group.vintages.items()
            }
        return self._ahead[steps]

    def newest(self, value: str) -> Index:
        """The place of the newest step with a known value."""
        if value not in self._newest:
            realized = self.group.realized[value]
            self._newest[value] = realized.newest(self.group.grid.series, self.origins.steps)
        return self._newest[value]

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
    value = _chosen(view, column, 0)
    missing = np.isnan(value)
    if not missing.any():
        return value
    source = view.source_of(missing)
    view.carried |= missing & (source >= 0)
    return np.where(source >= 0, value[source], np.nan)


def _ahead(view: View, column: Column) -> Values:
    return _chosen(view, column, column.number)


def _chosen(view: View, column: Column, ahead: int) -> Values:
    chosen = next(one for one in view.group.inputs if one.name == column.of)
    return first_that_has(chosen, view.ahead(ahead), len(view.run_start))


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


def _lead(view: View, _: Column) -> Values:
    return _hours(view.group.grid.times - view.origins.steps)


def _vintage_lead(view: View, column: Column) -> Values:
    if column.of not in view.group.vintages:
        return np.full(len(view.run_start), np.nan)
    issued = view.ahead(0)[column.of][1].issued
    source = view.source_of(issued == NOT_ISSUED)
    return np.where(source >= 0, _hours(view.group.grid.times - issued[source]), np.nan)


def _hours(length: Moments) -> Values:
    return length / HOUR


_RECIPES: dict[Kind, Callable[[View, Column], Values]] = {
    "input": _input,
    "ahead": _ahead,
    "lag": _lag,
    "recent": _recent,
    "lead": _lead,
    "vintage_lead": _vintage_lead,
}
