"""What the sources of a group say as of the origins of one track; what several columns need is read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.align.asof import carried_from
from hindcast.pipeline.align.features.registry import Input, Kind
from hindcast.pipeline.align.group_inputs import Prepared
from hindcast.pipeline.align.rolling import Known, Rolled, roll
from hindcast.pipeline.align.vintages import OfAxis, Origins, Vintages, VintageSource, first_that_has
from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.settings.origin import NO_ORIGIN

Read = Mapping[str, tuple[VintageSource, Vintages]]


class View:
    """The sources of a group as of the origins of one track, read when a column first needs them.

    `carried` flags steps with an input carried forward, `incomplete` steps whose missing input ends a sequence; `ending`
    counts these steps for each input by its name.
    """

    def __init__(self, group: Prepared, origins: Origins, run_start: Ints) -> None:
        self.group, self.origins, self.run_start = group, origins, run_start
        self.carried: Flags = np.zeros(len(run_start), np.bool_)
        self.incomplete: Flags = np.zeros(len(run_start), np.bool_)
        self.ending: Counter[str] = Counter()
        used = group.grid.used_shared
        self.used = used[origins.shared[used] != NO_ORIGIN]  # places of the shared axis that matter
        self._read: dict[tuple[int, int], Read] = {}
        self._rolled: dict[str, Rolled] = {}
        self._newest: dict[str, Ints] = {}

    def ahead(self, steps: int, older: int = 0) -> Read:
        """What the sources say of the step `steps` later, `older` vintages back, as each step's own origin knew it."""
        if (steps, older) not in self._read:
            self._read[steps, older] = {
                name: (source, source.at(self.group.grid, self.origins, steps, older))
                for name, source in self.group.vintages.items()
            }
        return self._read[steps, older]

    def chosen(self, name: str) -> Input:
        """The input of a name."""
        return next(one for one in self.group.inputs if one.name == name)

    def input(self, one: Input, ahead: int = 0, older: int = 0) -> Floats | OfAxis:
        """An input of each step (n,), or of each place of the shared axis where all series share it."""
        return first_that_has(one, self.ahead(ahead, older), len(self.run_start))

    def newest(self, value: str) -> Ints:
        """The place of the newest step with a known value."""
        if value not in self._newest:
            realized = self.group.realized[value]
            self._newest[value] = realized.newest(self.group.grid.series, self.origins.steps)
        return self._newest[value]

    def rolled(self, kind: Kind, of: str) -> Rolled:
        """All windows and statistics of a realized value, or of the published forecast's errors (by target)."""
        if f"{kind} {of}" not in self._rolled:
            mine = [one for one in self.group.columns if (one.kind, one.of) == (kind, of)]
            frequency = self.group.params.raw.frequency.ns
            wanted = tuple((one.lag.ns // frequency, one.statistic or "mean") for one in mine if one.lag)
            forecast = self.published(of) if kind == "published_error" else None
            known = Known(self.group.realized[of], self.group.grid, self.origins.steps, forecast)
            self._rolled[f"{kind} {of}"] = roll(known, self.newest(of), wanted)
        return self._rolled[f"{kind} {of}"]

    def published(self, target: str) -> Floats:
        """The published forecast of a target (n,), NaN where there is none."""
        chosen = self.group.published[self.group.params.align.target.index(target)]
        return np.full(len(self.run_start), np.nan) if chosen is None else self.of_steps(self.input(chosen))

    def of_steps(self, value: Floats | OfAxis) -> Floats:
        """A column with a value a step (n,)."""
        return value.values[self.group.grid.shared_place] if isinstance(value, OfAxis) else value

    def is_whole(self, value: Floats | OfAxis) -> bool:
        """Whether a column has a value for every step that has an origin, and is shared by all series."""
        return isinstance(value, OfAxis) and not np.isnan(value.values[self.used]).any()

    def source_of(self, missing: Flags) -> Ints:
        """For each step the step that its input is taken from, short gaps carried forward; -1 where none."""
        limit = self.group.params.align.gaps.fill.ns // self.group.params.raw.frequency.ns
        return carried_from(missing, self.run_start, limit)
