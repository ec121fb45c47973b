"""Reads of the sources of a group as of the origins of one track; what several columns need is read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.align.asof import carried_from
from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.rolling import KnownValues, Rolled, Window, roll
from hindcast.pipeline.align.vintages import Origins, SharedValues, Vintages, VintageSource, first_available
from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.settings.gates import NO_ORIGIN

_SAME = 1e-6  # a smaller relative difference of two means comes from rounding

Read = Mapping[str, tuple[VintageSource, Vintages]]


class OriginView:
    """The sources of a group as of the origins of one track, read when a column first needs them.

    `carried` flags steps with an input carried forward, `incomplete` steps whose missing input ends a sequence; `ending`
    counts the latter per name of the input.
    """

    def __init__(self, group: GroupInputs, origins: Origins, run_start: Ints) -> None:
        self.group, self.origins, self.run_start = group, origins, run_start
        self.carried: Flags = np.zeros(len(run_start), np.bool_)
        self.incomplete: Flags = np.zeros(len(run_start), np.bool_)
        self.ending: Counter[str] = Counter()
        used = group.grid.used_shared
        self._used = used[origins.shared[used] != NO_ORIGIN]  # slots of the shared axis that matter
        self._read: dict[tuple[int, int], Read] = {}
        self._rolled: dict[tuple[str, bool], Rolled] = {}
        self._newest: dict[str, Ints] = {}

    def read(self, ahead: int = 0, older: int = 0) -> Read:
        """Read the sources for the step `ahead` steps later (at most `align.features.ahead`), `older` vintages before the newest.

        Values are as known at the origin of the step itself, not of the later step.
        """
        if (ahead, older) not in self._read:
            self._read[ahead, older] = {
                name: (source, source.at(self.group.grid, self.origins, ahead, older))
                for name, source in self.group.vintages.items()
            }
        return self._read[ahead, older]

    def input(self, input_: Input, ahead: int = 0, older: int = 0) -> Floats | SharedValues:
        """Read an input for each step (n,), or for each slot of the shared axis if all series share it."""
        return first_available(input_, self.read(ahead, older), len(self.run_start))

    def newest(self, value: str) -> Ints:
        """Return the slot of the newest step whose realized value is known (n,); -1 if there is none."""
        if value not in self._newest:
            realized = self.group.realized[value]
            self._newest[value] = realized.newest(self.group.grid.series, self.origins.steps)
        return self._newest[value]

    def rolled(self, value: str, windows: tuple[Window, ...], *, less_published: bool = False) -> Rolled:
        """Return statistics over windows of a realized value, or of a target minus its published forecast, all computed at once."""
        key = value, less_published
        if key not in self._rolled:
            forecast = self._published(value, self.read()) if less_published else None
            known = KnownValues(self.group.realized[value], self.group.grid, self.origins.steps, forecast)
            self._rolled[key] = roll(known, self.newest(value), windows)
        return self._rolled[key]

    def published_is_flagged(self, target: str) -> Flags:
        """Return whether the published forecast of a target would change or be missing without its flagged values: (n,)."""
        stored, cleaned = self.published(target), self._published(target, self.read())
        size = np.maximum(np.abs(stored), np.abs(cleaned))
        same = np.abs(stored - cleaned) <= _SAME * size
        flagged: Flags = ~np.isnan(stored) & ~same
        return flagged

    def published(self, target: str) -> Floats:
        """Read the published forecast of a target (n,) as it was published, flagged or not; NaN if there is none."""
        stored = {
            name: (source, source.at(self.group.grid, self.origins))
            for name, source in self.group.as_published.items()
        }
        return self._published(target, {**self.read(), **stored})

    def _published(self, target: str, read: Read) -> Floats:
        chosen = self.group.published[self.group.params.align.target.index(target)]
        if chosen is None:
            return np.full(len(self.run_start), np.nan)
        return self.per_step(first_available(chosen, read, len(self.run_start)))

    def per_step(self, value: Floats | SharedValues) -> Floats:
        """Convert a column to a value per step (n,)."""
        if not isinstance(value, SharedValues):
            return value
        of_steps = value.values[self.group.grid.shared_slot]
        of_steps[value.steps] = value.of_steps
        return of_steps

    def missing_steps(self, value: Floats | SharedValues) -> Ints:
        """Return the steps at which an input is missing, sorted."""
        if not isinstance(value, SharedValues):
            return np.flatnonzero(np.isnan(value))
        return np.flatnonzero(np.isnan(value.values)[self.group.grid.shared_slot])

    def is_whole(self, value: Floats | SharedValues) -> bool:
        """Return whether a column is shared by all series and has a value for every step with an origin."""
        return isinstance(value, SharedValues) and not np.isnan(value.values[self._used]).any()

    def carried_from(self, missing: Ints) -> Ints:
        """Return for each missing step (sorted) the step whose input it takes, over short gaps; -1 if there is none."""
        limit = self.group.params.align.gaps.fill.ns // self.group.params.raw.frequency.ns
        return carried_from(missing, self.run_start, limit)
