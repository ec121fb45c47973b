"""Statistics of the newest realized values known at an origin, and of the newest errors of the published forecast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.asof import changes
from hindcast.pipeline.align.grid import Grid
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.features import Statistic
from hindcast.pipeline.settings.gates import NO_ORIGIN

Window = tuple[int, Statistic]
"""The number of steps, and the statistic computed over them."""

Rolled = dict[Window, Floats]
"""The statistic (n,) of each window; NaN if fewer than half of its steps have a value."""

_CELLS = 1 << 21  # values in memory at once: 16 MiB per array


@dataclass(frozen=True)
class KnownValues:
    """Realized values of the n steps of a track as known at their origins, or their difference from a forecast.

    `forecast` (n,) is the forecast published for each step as of the origin of that step; None: the plain values.
    """

    realized: Realized
    grid: Grid
    origins: Times
    forecast: Floats | None

    def at(self, slots: Ints, origins: Times) -> Floats:
        """Return the value of each slot as known at an origin; NaN if there is none, or if the slot is -1."""
        value = self.realized.at(slots, origins)
        if self.forecast is None:
            return value
        step = np.where(slots >= 0, self._step_of_slot[slots], -1)
        own = self.origins[step]  # a forecast with a later origin is not known yet
        has_forecast = (step >= 0) & (own != NO_ORIGIN) & (own <= origins)
        return np.where(has_forecast, value - self.forecast[step], np.nan)

    @cached_property
    def _step_of_slot(self) -> Ints:
        step = np.full(self.grid.own.slots, -1)
        step[self.grid.own_slot] = np.arange(len(self.grid.own_slot))
        return step


def roll(known: KnownValues, newest: Ints, windows: tuple[Window, ...]) -> Rolled:
    """Compute statistics over the windows of steps that end with the slot `newest` (n,; -1: none)."""
    series, origins = known.grid.series, known.origins
    at = np.flatnonzero(changes(series, origins))  # many steps share an origin, and so the values known at it
    longest = max((steps for steps, _ in windows), default=0)
    made = {window: np.full(len(at), np.nan) for window in windows}
    block = max(1, _CELLS // max(1, longest))
    for begin in range(0, len(at), block):
        here = at[begin : begin + block]
        values = _last_values(known, newest[here], here, longest)
        for steps, statistic in windows:
            made[steps, statistic][begin : begin + block] = _statistic(values[longest - steps :], statistic)
    length = np.diff(np.append(at, len(series)))
    return {window: np.repeat(values, length) for window, values in made.items()}


def _last_values(known: KnownValues, newest: Ints, here: Ints, longest: int) -> Floats:
    """Return the values (longest, q) of the steps up to each newest slot, the newest last."""
    slots = newest - np.arange(longest - 1, -1, -1)[:, None]
    slots = np.where(slots >= known.grid.own.start[known.grid.series[here]], slots, -1)
    origins = np.broadcast_to(known.origins[here], slots.shape)
    return known.at(slots.ravel(), origins.ravel()).reshape(slots.shape)


def _statistic(values: Floats, statistic: Statistic) -> Floats:
    count = (~np.isnan(values)).sum(axis=0)
    enough = 2 * count >= len(values)
    if statistic in ("min", "max"):
        made = (np.fmin if statistic == "min" else np.fmax).reduce(values, axis=0)
    else:
        count = np.maximum(count, 1)
        made = _total(values) / count
        if statistic == "std":
            spread = np.sqrt(_total((values - made) ** 2) / count)
            varies = np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0)
            made = np.where(
                varies, spread, 0.0
            )  # the mean of equal values may differ from them by a rounding error
    return np.where(enough, made, np.nan)


def _total(values: Floats) -> Floats:
    total = np.zeros(values.shape[1])
    for row in values:  # in sequence: the order of a sum determines its last bits
        total += np.where(np.isnan(row), 0.0, row)
    return total
