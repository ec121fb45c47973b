"""How old the values are that replace the network in service: measured values, and published forecasts."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import run_starts
from hindcast.pipeline.align.baselines import Basis, ages
from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.gates import NO_ORIGIN


def forecaster_ages(group: GroupInputs, number: int, steps: Ints) -> Times:
    """Return the ages (len(steps), G, B + 1) at the origins of a track, in ns: of the B stored forecasters, then of the published forecast.

    That of a stored forecaster is counted from the start of the step whose value it takes, that of the published forecast from its
    issue time. An age has no meaning where the forecaster has no value.
    """
    origins = group.origins_of(number)
    view = OriginView(group, origins, run_starts(group.grid.series, origins.steps != NO_ORIGIN))
    made = []
    for target in group.params.align.target:
        newest = view.newest(target)
        basis = Basis(group.realized[target], group.targets[target], group.grid, origins.steps, newest)
        published = origins.steps - _issued(view, target)
        made.append(np.concatenate([ages(basis)[steps], published[steps, None]], axis=1))
    return np.stack(made, axis=1)


def _issued(view: OriginView, target: str) -> Times:
    """Return the issue time (n,) of the published forecast of a target that is known at each origin."""
    group = view.group
    issued = np.full(len(view.run_start), NOT_ISSUED)
    chosen = group.published[group.params.align.target.index(target)]
    if chosen is None:
        return issued
    stored = {
        name: (source, source.at(group.grid, view.origins)) for name, source in group.as_published.items()
    }
    read = {**view.read(), **stored}
    for name in reversed(chosen.sources):  # the first one with a value is taken
        if name in read:
            source, vintages = read[name][0], read[name][1].of_steps()
            has_value = ~np.isnan(vintages.values[:, source.names.index(chosen.value)])
            issued = np.where(has_value, vintages.issued, issued)
    return issued
