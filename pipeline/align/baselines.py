"""Forecasters that need nothing but the realized series, as they could have been made at the origin."""

from __future__ import annotations

import numpy as np

from pipeline.align.asof import Values
from pipeline.align.grid import Grid
from pipeline.align.realized import Realized
from pipeline.align.types import BASELINES, Moments
from pipeline.settings.base import DAY
from pipeline.settings.origin import NO_ORIGIN

LONGEST_REACH = 56 * DAY
"""How far behind the origin a seasonal value is looked for, where nearer ones are missing."""


def baselines(target: Realized, grid: Grid, origins: Moments) -> Values:
    """Values (n, 5) of BASELINES, NaN where there is none.

    persistence: the newest realized value known at the origin.  seasonal: the value the smallest number of
    whole periods before the step that has a value known at the origin.  reference: the final value one
    period before, whether or not it was known.
    """
    made = {
        "persistence": target.at(target.newest(grid.series, origins), origins),
        "seasonal_24h": _seasonal(target, grid, origins, DAY),
        "seasonal_168h": _seasonal(target, grid, origins, 7 * DAY),
        "reference_24h": _shifted(target, grid, DAY),
        "reference_168h": _shifted(target, grid, 7 * DAY),
    }
    return np.stack([made[name] for name in BASELINES], axis=1)


def _seasonal(target: Realized, grid: Grid, origins: Moments, period: int) -> Values:
    value = np.full(len(origins), np.nan)
    open_ = np.flatnonzero(origins != NO_ORIGIN)
    earliest = np.maximum(origins - LONGEST_REACH, target.axis.first[grid.series])
    back = period
    while True:
        open_ = open_[(grid.times[open_] - back >= earliest[open_]) & np.isnan(value[open_])]
        if not len(open_):
            return value
        place = target.axis.place(grid.series[open_], grid.times[open_] - back)
        value[open_] = target.at(place, origins[open_])
        back += period


def _shifted(target: Realized, grid: Grid, period: int) -> Values:
    place = target.axis.place(grid.series, grid.times - period)
    return np.where(place >= 0, target.final[0][place], np.nan)
