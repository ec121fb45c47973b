"""Statistics of the last realized values known at an origin, and of the published forecast's last errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.asof import changes
from hindcast.pipeline.align.grid import Grid
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.features import Statistic
from hindcast.pipeline.settings.origin import NO_ORIGIN

Window = tuple[int, Statistic]
"""How many steps, and what is made of them."""

Rolled = dict[Window, Floats]
"""A window -> (n,), NaN where fewer than half of its steps have a value."""

_CELLS = 1 << 21  # values held at once: 16 MiB an array


@dataclass(frozen=True)
class KnownValues:
    """Realized values of the n steps of a track as their origins know them, or their excess over a forecast.

    `forecast` (n,) is what was published for each step at that step's own origin; None: the plain values.
    """

    realized: Realized
    grid: Grid
    origins: Times
    forecast: Floats | None

    def at(self, places: Ints, origins: Times) -> Floats:
        """The value of each place as known at an origin; NaN where none, or where the place is -1."""
        value = self.realized.at(places, origins)
        if self.forecast is None:
            return value
        step = np.where(places >= 0, self._step_of_place[places], -1)
        own = self.origins[step]  # the forecast of a step that is made later is not known yet
        has_forecast = (step >= 0) & (own != NO_ORIGIN) & (own <= origins)
        return np.where(has_forecast, value - self.forecast[step], np.nan)

    @cached_property
    def _step_of_place(self) -> Ints:
        step = np.full(self.grid.own.places, -1)
        step[self.grid.own_place] = np.arange(len(self.grid.own_place))
        return step


def roll(known: KnownValues, newest: Ints, windows: tuple[Window, ...]) -> Rolled:
    """Statistics over the windows of steps that end with the place `newest` (n,; -1: none)."""
    series, origins = known.grid.series, known.origins
    at = np.flatnonzero(changes(series, origins))  # many steps share an origin, and so what is known at it
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
    """Values (longest, q) of the steps up to each newest place, the newest last."""
    places = newest - np.arange(longest - 1, -1, -1)[:, None]
    places = np.where(places >= known.grid.own.start[known.grid.series[here]], places, -1)
    origins = np.broadcast_to(known.origins[here], places.shape)
    return known.at(places.ravel(), origins.ravel()).reshape(places.shape)


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
            made = np.where(varies, spread, 0.0)  # the mean of equal values may miss them by a rounding error
    return np.where(enough, made, np.nan)


def _total(values: Floats) -> Floats:
    total = np.zeros(values.shape[1])
    for row in values:  # one after another: the order of a sum decides its last bits
        total += np.where(np.isnan(row), 0.0, row)
    return total
