"""Realized values as known at the origin: lags, the newest values, and statistics over windows of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.features.column import Column, Kind, source_text, steps_text
from hindcast.pipeline.align.inputs import Input, realized_inputs, unit_of_input
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.rolling import Window
from hindcast.pipeline.arrays import TIME_MAX, Floats, Times
from hindcast.pipeline.settings.base import DAY, Duration
from hindcast.pipeline.settings.clock import lagged
from hindcast.pipeline.settings.features import Statistic
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid

_STATISTICS: dict[Statistic, str] = {
    "mean": "mean",
    "std": "standard deviation",
    "min": "smallest value",
    "max": "largest value",
}
_SLACK = 60 * DAY  # how far before the first step the newest known value is searched for


def _feature(params: Params, input_: Input, name: str, sentence: str) -> Feature:
    return Feature(name, unit_of_input(params, input_), sentence, part="history")


def _lag_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.lags
    for name, input_ in realized_inputs(params, chosen):
        for lag in chosen[name]:
            length = f"{lag} of exact time" if lag.days is None else f"{lag.days} local days"
            sentence = (
                f"{source_text(params, input_)}, {length} before the step; as known at the step's origin."
            )
            feature = _feature(params, input_, f"{input_.value}_lag_{lag}", sentence)
            yield Column(feature, partial(_fill_lag, input_.value, lag), may_miss=True)


def _fill_lag(value: str, lag: Duration, view: OriginView) -> Floats:
    grid = view.group.grid
    if lag.days is None or view.group.params.raw.has_local_days:
        slots = grid.before(lag.ns // grid.own.frequency)
    else:
        times = grid.shared.times()
        steps = np.floor_divide(times - lagged(times, lag, view.group.zone) - 1, grid.own.frequency) + 1
        slots = grid.before(steps[grid.shared_slot])
    return view.group.realized[value].at(slots, view.origins.steps)


def _lag_reach(params: Params, times: Times, zone: str) -> Iterator[int]:
    for lag in dict.fromkeys(lag for lags in params.align.features.lags.values() for lag in lags):
        if params.raw.has_local_days:
            yield lag.ns
        else:
            yield int((times - _grid_of(params, times, zone).start_of(lagged(times, lag, zone))).max())


def _recent_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.recent
    for name, input_ in realized_inputs(params, chosen):
        for number in range(1, chosen[name] + 1):
            newest = "the newest step with a value"
            which = newest if number == 1 else f"{steps_text(number - 1)} before {newest}"
            sentence = f"{source_text(params, input_)}, {which}; as known at the step's origin."
            feature = _feature(params, input_, f"{input_.value}_recent_{number}", sentence)
            yield Column(feature, partial(_fill_recent, input_.value, number), may_miss=True)


def _fill_recent(value: str, number: int, view: OriginView) -> Floats:
    grid = view.group.grid
    slot = view.newest(value) - (number - 1)
    inside = slot >= grid.own.start[grid.series]
    return view.group.realized[value].at(np.where(inside, slot, -1), view.origins.steps)


def _recent_reach(params: Params, times: Times, zone: str) -> Iterator[int]:
    frequency = params.raw.frequency.ns
    further = {name: (count - 1) * frequency for name, count in params.align.features.recent.items()}
    return _reach_of_newest(params, times, zone, further)


def _rolling_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.rolling
    for name, input_ in realized_inputs(params, chosen):
        pairs = [(window, which) for window in chosen[name].windows for which in chosen[name].statistics]
        windows = tuple(_window(params, window, which) for window, which in pairs)
        for window, which in pairs:
            sentence = (
                f"The {_STATISTICS[which]} of {source_text(params, input_)}, over the {window} of steps that end with "
                "the newest step with a value; as known at the step's origin, missing if less than half of them are."
            )
            feature = _feature(params, input_, f"{input_.value}_{which}_{window}", sentence)
            fill = partial(_fill_window, input_.value, windows, _window(params, window, which))
            yield Column(feature, fill, may_miss=True)


def _rolling_reach(params: Params, times: Times, zone: str) -> Iterator[int]:
    frequency = params.raw.frequency.ns
    chosen = params.align.features.rolling.items()
    further = {name: max(window.ns for window in rolling.windows) - frequency for name, rolling in chosen}
    return _reach_of_newest(params, times, zone, further)


def _published_error_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.published_error
    windows = tuple(_window(params, window, "mean") for window in chosen)
    published = [target for target in params.align.target if target in params.align.published]
    for target, input_ in realized_inputs(params, published):
        for window in chosen:
            sentence = (
                f"The mean of {source_text(params, input_)}, less the published forecast {params.align.published[target]} "
                f"as known at each step's own origin, over the {window} of steps that end with the newest step with a "
                "value; as known at this step's origin, missing if less than half of them are."
            )
            feature = _feature(params, input_, f"{target}_published_error_{window}", sentence)
            fill = partial(
                _fill_window, target, windows, _window(params, window, "mean"), less_published=True
            )
            yield Column(feature, fill, may_miss=True)


def _fill_window(
    value: str, windows: tuple[Window, ...], window: Window, view: OriginView, *, less_published: bool = False
) -> Floats:
    return view.rolled(value, windows, less_published=less_published)[window]


def _published_error_reach(params: Params, times: Times, zone: str) -> Iterator[int]:
    windows = params.align.features.published_error
    if windows:
        length = max(window.ns for window in windows) - params.raw.frequency.ns
        yield from _reach_of_newest(params, times, zone, dict.fromkeys(params.align.published, length))


def _window(params: Params, length: Duration, statistic: Statistic) -> Window:
    return length.ns // params.raw.frequency.ns, statistic


def _grid_of(params: Params, times: Times, zone: str) -> StampGrid:
    """Return the grid of the steps with these labels."""
    return params.raw.grid_in(zone, int(times[0]) % params.raw.frequency.ns)


def _reach_of_newest(params: Params, times: Times, zone: str, further: Mapping[str, int]) -> Iterator[int]:
    """Yield the reach of features that read up to the newest known value: its age at the step, plus `further` per value (ns).

    Every value is assumed to be known at the time given by the rule of its source.
    """
    frequency, grid = params.raw.frequency.ns, _grid_of(params, times, zone)
    origins = params.align.origin.origins(grid.instants(times), zone)
    earliest = np.where(origins == NO_ORIGIN, TIME_MAX, origins).min(axis=1)
    covered = earliest < TIME_MAX
    slack = -(-_SLACK // frequency) * frequency
    past = np.arange(times[0] - slack, times[-1] + frequency, frequency)
    for value, length in further.items():
        for source in params.raw.sources_of("realized").values():
            if value in source.values and covered.any():
                # a column may contain any time: the value is then assumed to be known at the end of its step
                known = grid.instants(past + frequency)
                if not isinstance(source.known, PublishedAt):
                    moments = source.known.moments(grid.instants(past), None, grid, zone)
                    known = np.maximum.accumulate(moments)
                newest = np.searchsorted(known, earliest[covered], side="right") - 1
                yield int((times[covered] - past[newest.clip(0)]).max()) + length


LAG = Kind("lag", _lag_columns, _lag_reach)
RECENT = Kind("recent", _recent_columns, _recent_reach)
ROLLING = Kind("rolling", _rolling_columns, _rolling_reach)
PUBLISHED_ERROR = Kind("published_error", _published_error_columns, _published_error_reach)
