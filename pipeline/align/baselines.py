"""Forecasters that need nothing but the realized series, as they could have been made at the origin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.asof import Index, Values
from hindcast.pipeline.align.grid import Grid
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.align.types import BASELINES, Moments
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.origin import NO_ORIGIN

LONGEST_REACH = 56 * DAY
"""How far behind the origin a seasonal value is looked for, where nearer ones are missing."""


def baselines(target: Realized, grid: Grid, origins: Moments, newest: Index) -> NDArray[np.float32]:
    """Values (n, 5) of BASELINES, NaN where there is none; `newest` are the places of the newest known steps.

    persistence: the newest realized value known at the origin.  seasonal: the value the smallest number of
    whole periods before the step that has a value known at the origin.  reference: the final value one
    period before, whether or not it was known.
    """
    made = np.empty((len(origins), len(BASELINES)), np.float32)
    made[:, BASELINES.index("persistence")] = target.at(newest, origins)
    for name, period in (("24h", DAY), ("168h", 7 * DAY)):
        before = grid.before(period // grid.own.frequency)  # whole: a frequency divides a day
        made[:, BASELINES.index(f"seasonal_{name}")] = _seasonal(target, grid, origins, (period, before))
        final = target.final[0]
        made[:, BASELINES.index(f"reference_{name}")] = np.where(before >= 0, final[before], np.nan)
    return made


def _seasonal(target: Realized, grid: Grid, origins: Moments, nearest: tuple[int, Index]) -> Values:
    period, before = nearest
    # a period is far shorter than the reach, and no origin lies after its step
    value = target.at(before, origins)
    open_ = np.flatnonzero(np.isnan(value) & (origins != NO_ORIGIN))
    back, steps = 1, period // grid.own.frequency
    while len(open_):
        back += 1
        within = grid.times[open_] - back * period >= origins[open_] - LONGEST_REACH
        open_ = open_[within & (grid.own_step[open_] >= back * steps)]
        value[open_] = target.at(grid.own_place[open_] - back * steps, origins[open_])
        open_ = open_[np.isnan(value[open_])]
    return value
