"""The measured values that forecasts are compared with, at a fixed age, and what the fallbacks would have forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.baselines import LONGEST_REACH, Basis, baselines
from hindcast.pipeline.align.grid import Grid
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.judge.measured_values import at_age
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ForecastKeys:
    """What R forecasts of one group are about: texts and times, (R,) each; `valid` are labels of steps."""

    series: NDArray[np.str_]
    target: NDArray[np.str_]
    valid: Times
    origin: Times


@dataclass(frozen=True)
class Measured:
    """R measured values, NaN where none is known yet at the age, and what each stored forecaster gave at the origin (R, B)."""

    actual: Floats
    baseline: Floats


def measure(
    frames: Mapping[str, pd.DataFrame], params: Params, group: str, keys: ForecastKeys, moment: int
) -> Measured:
    """Return the measured values of a group's targets, as known at `moment` (ns UTC), at the age of `evaluate.truth`.

    `frames` are the typed rows of the group; those of forecasts are not read.
    """
    count = len(keys.valid)
    actual, baseline = np.full(count, np.nan), np.full((count, len(STORED)), np.nan)
    used = _used(frames, params, int(keys.valid.min(initial=moment)), moment)
    if not count or not used:
        return Measured(actual, baseline)
    prepared = prepare_group(used, params, group)
    numbers = {name: number for number, name in enumerate(prepared.grid.names)}
    names, place = np.unique(keys.series, return_inverse=True)
    number = np.array([numbers.get(str(name), -1) for name in names], np.int64)[place]
    own = prepared.grid.own
    slot = own.slot(np.maximum(number, 0), own.steps.instants(keys.valid))
    for target in params.align.target:
        there = np.flatnonzero((number >= 0) & (slot >= 0) & (keys.target == target))
        if not len(there):
            continue
        series, at, origin = number[there], slot[there], keys.origin[there]
        stored, cleaned = prepared.targets[target], prepared.realized[target]
        actual[there] = at_age(stored, at, params.evaluate.truth, moment)
        basis = Basis(cleaned, stored, _rows(prepared, series, at), origin, cleaned.newest(series, origin))
        baseline[there] = baselines(basis)
    return Measured(actual, baseline)


def _used(
    frames: Mapping[str, pd.DataFrame], params: Params, first: int, moment: int
) -> dict[str, pd.DataFrame]:
    """Return the rows of measured and known sources that are known at `moment`, and recent enough for the steps from `first` on."""
    begin = first - LONGEST_REACH - 8 * DAY
    used = {}
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if source.role == "forecast":
            continue
        kept = frame["known_time"].to_numpy() <= moment
        if source.role == "realized":
            kept &= frame["valid_time"].to_numpy() >= begin
        if kept.any():
            used[name] = frame[kept]
    return used


def _rows(prepared: GroupInputs, number: Ints, slot: Ints) -> Grid:
    """Return the grid of the group with these steps (R,) instead of all of them."""
    grid = prepared.grid
    times = grid.own.times()[slot]
    shared = (times - int(grid.shared.first[0])) // grid.own.frequency
    return replace(grid, series=number, times=times, own_slot=slot, shared_slot=shared)
