"""Series of a group that only the measurements or only the forecasts name, and steps for which two sources have a forecast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.inputs import Input, forecast_input, inputs
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid

Frames = Mapping[str, pd.DataFrame]


def find_unmatched(frames: Frames, params: Params) -> list[dict[str, Any]]:
    """Return one entry per forecast whose series are not those of the targets: its name, and the names of each side.

    A side with rows for every series of the group (series "") matches all names; a forecast without any series
    in the group is always returned if a series is measured.
    """
    measured = measured_series(frames, params)
    found = []
    for sources, forecast in _forecasts(params).items():
        names = _series(frames, sources, (forecast.value,))
        if names != measured and "" not in names and not ("" in measured and names):
            entry = {"forecast": forecast.name, "measured": len(measured)}
            found.append(
                entry | {"measured_only": sorted(measured - names), "forecast_only": sorted(names - measured)}
            )
    return found


def measured_series(frames: Frames, params: Params) -> set[str]:
    """Return the names of the series with a target."""
    return _series(frames, params.raw.sources_of("realized"), params.align.target)


def count_doubled(frames: Frames, params: Params, group: str) -> list[dict[str, Any]]:
    """Return, for each forecast and two of its sources, the number of steps for which both have a value."""
    found = []
    for sources, forecast in _forecasts(params).items():
        for first, second in combinations([name for name in sources if name in frames], 2):
            steps = [
                _steps(frames[name], forecast.value, params.raw.stamp_grid(params.raw.sources[name], group))
                for name in (first, second)
            ]
            count = len(steps[0].intersection(steps[1]))
            if count:
                found.append({"forecast": forecast.name, "first": first, "second": second, "steps": count})
    return found


def _forecasts(params: Params) -> dict[tuple[str, ...], Input]:
    """Return the first forecast that is read from each list of sources."""
    chosen = [forecast_input(params, name) for name in params.align.published.values()]
    features = [each for each in inputs(params) if params.raw.sources[each.sources[0]].role == "forecast"]
    return {each.sources: each for each in (*features, *chosen)}


def _series(frames: Frames, sources: Iterable[str], values: Iterable[str]) -> set[str]:
    names: set[str] = set()
    for source in sources:
        if source in frames:
            frame = frames[source]
            present = [frame[value].notna().to_numpy() for value in values if value in frame]
            kept = np.logical_or.reduce(present) if present else np.zeros(len(frame), np.bool_)
            names.update(map(str, frame["series"][kept].unique()))
    return names


def _steps(frame: pd.DataFrame, value: str, grid: StampGrid) -> pd.MultiIndex:
    rows = frame[frame[value].notna()] if value in frame else frame
    steps = grid.start_of(grid.settle(rows["valid_time"].to_numpy(np.int64)))
    return pd.MultiIndex.from_arrays([rows["series"].astype(object), steps]).unique()
