"""The blend in service: the forecasts of the network, the published one, trees and seasonal values at an origin, combined."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from hindcast.pipeline.align.origin_steps import OriginSteps
from hindcast.pipeline.arrays import Flags, Ints, Values
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.learn.blend_file import Blend
from hindcast.pipeline.learn.tree_files import FOLDER, TreesPredictor, open_served_trees
from hindcast.pipeline.serve.forecast_rows import BLEND, NETWORK, REST, ForecastRows
from hindcast.pipeline.settings.params import Params


class ServedBlend:
    """The blend of a folder `models/`. Raises MissingInputError or FormatError if a file of it is missing or damaged."""

    def __init__(self, models: Path) -> None:
        self._models, self.blend = models, Blend(models)

    def apply(
        self, rows: ForecastRows, steps: OriginSteps, numbers: Ints, origin: int, params: Params
    ) -> ForecastRows:
        """Return the rows of a target with the blend in the place of the network, and the values of its members.

        `numbers` are the indices of the series of the runs. Where the network has no value, the members that `predict.fallback` names,
        and that are not older than it allows, are combined; without one that has a weight, the fallback stays. Quantiles are moved with
        the value.
        """
        place = params.align.target.index(rows.target)
        members = self.members(
            rows.target, steps, numbers, np.where(rows.method == NETWORK, rows.value, np.nan), place
        )
        alone = rows.method != NETWORK
        allowed = {
            name: np.where(alone & ~_usable(steps, place, name, params), np.float32(np.nan), values)
            for name, values in members.items()
        }
        keys = [(rows.group, name) for name in steps.names]
        bands = lead_bands(rows.begins - origin)
        found = self.blend.values(rows.target, keys, steps.series, bands, allowed)
        made = np.isfinite(found)
        value = np.where(made, found, rows.value).astype(np.float32)
        method = rows.method.copy()
        method[made] = np.where(alone, REST, BLEND)[made]
        moved = np.where(made & ~alone, value - rows.value, np.float32(0))[:, None]
        quantiles = np.where((method == REST)[:, None], np.float32(np.nan), rows.quantiles + moved)
        return replace(
            rows, value=value, method=method, quantiles=quantiles.astype(np.float32), members=members
        )

    def members(
        self, target: str, steps: OriginSteps, numbers: Ints, network: Values, place: int
    ) -> dict[str, Values]:
        """Return the values (row,) of the members at the steps of an origin; `place` is the number of the target."""
        found: dict[str, Values] = {}
        for name in self.blend.members:
            if name == "model":
                found[name] = network.astype(np.float32)
            elif name == "published":
                found[name] = steps.published[:, place]
            elif name == "trees":
                found[name] = self._trees_at(steps, numbers)[place]
            else:
                found[name] = steps.baseline[:, place, STORED.index(name)]
        return found

    def _trees_at(self, steps: OriginSteps, numbers: Ints) -> Values:
        """Return the forecasts of the trees (target, row); NaN where an input is missing."""
        rows = np.flatnonzero(steps.place >= 0)
        made = np.full((steps.published.shape[1], len(steps.series)), np.nan, np.float32)
        if self._trees is not None and len(rows):
            at = steps.place[rows]
            own = numbers[steps.run[rows]].astype(np.int32)
            made[:, rows] = self._trees.predict_inputs(steps.X[at], steps.run_published[at], own)
        return made

    @cached_property
    def _trees(self) -> TreesPredictor | None:
        return open_served_trees(self._models) if (self._models / FOLDER).is_dir() else None


def _usable(steps: OriginSteps, place: int, name: str, params: Params) -> Flags:
    """Return whether `predict.fallback` names a member, and allows its age at each row."""
    if name not in params.predict.limits:
        return np.zeros(len(steps.series), np.bool_)
    limit = params.predict.limits[name]
    if limit is None or steps.ages is None:
        return np.ones(len(steps.series), np.bool_)
    allowed: Flags = steps.ages[:, place, STORED.index(name) if name != "published" else -1] <= limit
    return allowed
