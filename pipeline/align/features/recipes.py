"""How each kind of column of X is made for the steps of one track.

A recipe gives a value a step, or, where all series of the group share the column, a value a place of their common
axis: looked up once for hundreds of series.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.cyclic import waves
from hindcast.pipeline.align.features.registry import Column, Kind
from hindcast.pipeline.align.origin_view import View
from hindcast.pipeline.align.public_days import on_holidays
from hindcast.pipeline.align.vintages import OfAxis
from hindcast.pipeline.arrays import Floats, Times, Values
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.rules import lagged


def fill_columns(view: View) -> Values:
    """X (n, F) of all steps: a column that may miss is 0 there and its mask 1; others keep NaN where missing."""
    columns, grid = view.group.columns, view.group.grid
    shared = np.zeros((grid.shared.places, len(columns)), np.float32)
    own: list[tuple[Column, int, Values]] = []
    _fill_calendar(view, shared)
    for at, column in enumerate(columns):
        if column.kind in _RECIPES:
            value = _RECIPES[column.kind](view, column)
            if isinstance(value, OfAxis):
                _put(shared[: len(value.values)], at, column, value.values.astype(np.float32))
            else:
                own.append((column, at, value.astype(np.float32)))
    made = shared.take(grid.shared_place, axis=0)
    for column, at, single in own:
        _put(made, at, column, single)
    return made


def _put(made: Values, at: int, column: Column, value: Values) -> None:
    if column.may_miss:
        missing = np.isnan(value)
        if missing.any():
            made[:, column.feature.mask] = missing
            value[missing] = 0
    made[:, at] = value


def _fill_calendar(view: View, shared: Values) -> None:
    at = [place for place, column in enumerate(view.group.columns) if column.kind == "calendar"]
    if at:
        names = tuple(view.group.columns[place].of for place in at)
        shared[:, at] = waves(names, view.group.grid.shared.times(), view.group.zone)


def _input(view: View, column: Column) -> Floats | OfAxis:
    chosen = view.input(view.chosen(column.of))
    if view.is_whole(chosen):
        return chosen
    value = view.of_steps(chosen)
    missing = np.isnan(value)
    if not missing.any():
        return value
    source = view.source_of(missing)
    view.carried |= missing & (source >= 0)
    if not column.may_miss:
        view.incomplete |= source < 0
        view.ending[column.of] += int(((source < 0) & (view.run_start < len(source))).sum())
    return np.where(source >= 0, value[source], np.nan)


def _ahead(view: View, column: Column) -> Floats | OfAxis:
    return view.input(view.chosen(column.of), ahead=column.number)


def _vintage(view: View, column: Column) -> Floats | OfAxis:
    return view.input(view.chosen(column.of), older=column.number - 1)


def _change(view: View, column: Column) -> Floats:
    """A vintage less the one before it, both of the first source that has the newer one."""
    chosen = view.chosen(column.of)
    newer, older = (view.ahead(0, column.number - 1 + back) for back in (0, 1))
    value = np.full(len(view.run_start), np.nan)
    for source in reversed([name for name in chosen.sources if name in newer]):
        at = newer[source][0].names.index(chosen.value)
        new, old = (read[source][1].of_steps().values[:, at] for read in (newer, older))
        value = np.where(np.isnan(new), value, new - old)
    return value


def _static(view: View, column: Column) -> Floats:
    return view.group.static[column.of][view.group.grid.series]


def _holiday(view: View, _: Column) -> OfAxis:
    assert view.group.holidays is not None  # the column is there only where they are named
    return OfAxis(on_holidays(view.group.grid.shared.times(), view.group.zone, view.group.holidays))


def _lag(view: View, column: Column) -> Floats:
    grid, lag = view.group.grid, column.lag
    assert lag is not None
    if lag.days is None:
        places = grid.before(lag.ns // grid.own.frequency)
    else:
        times = grid.shared.times()
        steps = np.floor_divide(times - lagged(times, lag, view.group.zone) - 1, grid.own.frequency) + 1
        places = grid.before(steps[grid.shared_place])
    return view.group.realized[column.of].at(places, view.origins.steps)


def _recent(view: View, column: Column) -> Floats:
    grid = view.group.grid
    place = view.newest(column.of) - (column.number - 1)
    inside = place >= grid.own.start[grid.series]
    return view.group.realized[column.of].at(np.where(inside, place, -1), view.origins.steps)


def _rolling(view: View, column: Column) -> Floats:
    assert column.lag is not None
    steps = column.lag.ns // view.group.params.raw.frequency.ns
    return view.rolled(column.kind, column.of)[steps, column.statistic or "mean"]


def _lead(view: View, _: Column) -> OfAxis:
    return OfAxis(_hours(view.group.grid.shared.times() - view.origins.shared))


def _vintage_lead(view: View, column: Column) -> Floats:
    if column.of not in view.group.vintages:
        return np.full(len(view.run_start), np.nan)
    issued = view.ahead(0, column.number - 1)[column.of][1].issued
    none = issued == NOT_ISSUED
    if column.number > 1:  # only what stands in for the newest is carried forward
        return np.where(none, np.nan, _hours(view.group.grid.times - issued))
    source = view.source_of(none)
    return np.where(source >= 0, _hours(view.group.grid.times - issued[source]), np.nan)


def _hours(length: Times) -> Floats:
    return length / HOUR


_RECIPES: dict[Kind, Callable[[View, Column], Floats | OfAxis]] = {
    "input": _input,
    "vintage": _vintage,
    "change": _change,
    "ahead": _ahead,
    "lag": _lag,
    "recent": _recent,
    "rolling": _rolling,
    "published_error": _rolling,
    "static": _static,
    "holiday": _holiday,
    "lead": _lead,
    "vintage_lead": _vintage_lead,
}
