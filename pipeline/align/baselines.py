"""The stored forecasters, computed only from the realized series as it was known at the origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hindcast.pipeline.align.grid import Grid
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.arrays import Floats, Ints, Times, Values
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.gates import NO_ORIGIN

LONGEST_REACH = 56 * DAY
"""How far before the origin a seasonal value is searched for if nearer ones are missing."""


@dataclass(frozen=True)
class Basis:
    """The inputs of a stored forecaster: a target without and with its flagged values, the n steps and their origins.

    `newest` (n,) are the slots of the newest steps whose value is known at each origin.
    """

    target: Realized
    stored: Realized
    grid: Grid
    origins: Times
    newest: Ints


def baselines(basis: Basis) -> Values:
    """Compute the values (n, B) of the B forecasters in STORED; NaN if there is none."""
    return np.stack(
        [_FORECASTERS[name](basis) for name in STORED], axis=1, dtype=np.float32, casting="same_kind"
    )


def _persistence(basis: Basis) -> Floats:
    """The newest realized value known at the origin."""
    return basis.target.at(basis.newest, basis.origins)


def _seasonal(basis: Basis, period: int) -> Floats:
    """The value the smallest number of whole periods before the step at which a value is known at the origin."""
    return _seasonal_search(basis, period)[0]


def _seasonal_search(basis: Basis, period: int) -> tuple[Floats, Ints]:
    """Return these values, and the number of periods between each and its step."""
    target, grid, origins = basis.target, basis.grid, basis.origins
    steps, rest = divmod(period, grid.own.frequency)
    periods = np.ones(len(origins), np.int64)
    if rest:  # steps longer than the period, or of days that do not divide a week
        return np.full(len(origins), np.nan), periods
    # a period is much shorter than the reach, and no origin is after its step
    value = target.at(grid.before(steps), origins)
    missing = np.flatnonzero(np.isnan(value) & (origins != NO_ORIGIN))
    back = 1
    while len(missing):
        back += 1
        within = grid.instants[missing] - back * period >= origins[missing] - LONGEST_REACH
        missing = missing[within & (grid.own_step[missing] >= back * steps)]
        value[missing] = target.at(grid.own_slot[missing] - back * steps, origins[missing])
        periods[missing] = back
        missing = missing[np.isnan(value[missing])]
    return value, periods


def _reference(basis: Basis, period: int) -> Floats:
    """The final value one period before the step, whether or not it was known at the origin."""
    steps, rest = divmod(period, basis.grid.own.frequency)
    before = basis.grid.before(steps) if not rest else np.full(len(basis.origins), -1)
    return np.where(before >= 0, basis.stored.final[0][before], np.nan)


_FORECASTERS: dict[str, Callable[[Basis], Floats]] = {
    "persistence": _persistence,
    "seasonal_24h": partial(_seasonal, period=DAY),
    "seasonal_168h": partial(_seasonal, period=7 * DAY),
    "reference_24h": partial(_reference, period=DAY),
    "reference_168h": partial(_reference, period=7 * DAY),
}

_PERIODS = {"seasonal_24h": DAY, "seasonal_168h": 7 * DAY}


def ages(basis: Basis) -> Times:
    """Return how long before the origin the step begins whose value each forecaster in STORED takes (n, B), in ns.

    0 for references, and of no meaning where a forecaster has no value.
    """
    made = np.zeros((len(basis.origins), len(STORED)), np.int64)
    own, series = basis.grid.own, basis.grid.series
    for name, period in _PERIODS.items():
        _, periods = _seasonal_search(basis, period)
        begin = own.steps.instants(basis.grid.times - periods * period)
        made[:, STORED.index(name)] = basis.origins - begin
    newest = own.first[series] + (basis.newest - own.start[series]) * own.frequency
    made[:, STORED.index("persistence")] = basis.origins - own.steps.instants(newest)
    return made
