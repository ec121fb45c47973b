"""The rows of a forecast: the network where its inputs are known, otherwise the first fallback that has a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.origin_steps import OriginSteps
from hindcast.pipeline.arrays import Times, Values
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.serve.network_outputs import network_history
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings

NETWORK, NONE = "network", "none"
BLEND, REST = "blend", "blend_without_network"
OURS = (NETWORK, BLEND)
"""The methods of rows whose inputs are complete."""


@dataclass(frozen=True)
class ForecastRows:
    """R rows of one target of one group and track, in the order of series and time; physical units.

    `value` is NaN where `method` is `none`; `quantiles` (R, Q) are NaN where the method is neither `network` nor `blend`.
    """

    group: str
    series: NDArray[Any]  # (R,) names
    target: str
    track: int
    times: Times  # (R,) label of the step
    begins: Times  # (R,) when the step starts
    value: Values  # (R,)
    quantiles: Values  # (R, Q)
    published: Values  # (R,) NaN if there is none
    method: NDArray[
        Any
    ]  # (R,) `network`, `blend`, `blend_without_network`, the name of a forecaster, or `none`
    note: NDArray[Any]  # (R,) why it is not the network, or how short its history is, else empty
    bounds: Values | None = None  # (R, I, 2) calibrated intervals, NaN where there are none
    members: dict[str, Values] = field(default_factory=dict)  # of a blend, (R,) each


def forecast_rows(
    group: str, steps: OriginSteps, outputs: Values, params: Params, trained: TrainSettings
) -> list[ForecastRows]:
    """Return the rows of each target; `outputs` (row, target[, quantile]) are those of the rows that are in a run.

    `trained` are the settings with which the network was trained.
    """
    return [
        _of_target(group, steps, place, outputs[:, place], params, trained)
        for place in range(len(params.align.target))
    ]


def _of_target(  # noqa: PLR0917 - where the rows come from, and what they are made from
    group: str, steps: OriginSteps, place: int, outputs: Values, params: Params, trained: TrainSettings
) -> ForecastRows:
    count = len(steps.series)
    value = np.full(count, np.nan, np.float32)
    quantiles = np.full((count, len(trained.quantiles)), np.nan, np.float32)
    method, note = np.full(count, NONE, object), np.full(count, "", object)
    played = np.flatnonzero(steps.place >= 0)
    if trained.quantiles:
        quantiles[played] = outputs
        value[played] = outputs[:, trained.middle]
    else:
        value[played] = outputs
    method[played[np.isfinite(value[played])]] = NETWORK
    _note_short_histories(note, steps, trained)
    without = np.flatnonzero(method != NETWORK)
    quantiles[without] = np.nan
    value[without] = np.nan
    for row in without.tolist():
        note[row] = (
            f"missing: {steps.missing[row]}" if steps.missing[row] else "the network's output is not finite"
        )
    for name, limit in params.predict.limits.items():
        at = STORED.index(name) if name != "published" else -1
        given = steps.published[:, place] if name == "published" else steps.baseline[:, place, at]
        usable = (method[without] == NONE) & np.isfinite(given[without])
        if limit is not None and steps.ages is not None:
            usable &= steps.ages[without, place, at] <= limit
        taken = without[usable]
        value[taken], method[taken] = given[taken], name
    return ForecastRows(
        group=group,
        series=np.array(steps.names, object)[steps.series],
        target=params.align.target[place],
        track=steps.track,
        times=steps.times,
        begins=steps.begins,
        value=value,
        quantiles=quantiles,
        published=steps.published[:, place],
        method=method,
        note=note,
    )


def _note_short_histories(note: NDArray[Any], steps: OriginSteps, trained: TrainSettings) -> None:
    """Note at which rows the network was shown fewer steps before them than in training."""
    rows = np.flatnonzero(steps.place >= 0)
    before = steps.place[rows] - steps.run_start[steps.run[rows]]
    if trained.mode == "stateful":  # a run is played through: what counts is what comes before its first row
        first = np.full(len(steps.run_series), np.iinfo(np.int64).max)
        np.minimum.at(first, steps.run[rows], before)
        before = first[steps.run[rows]]
    history = network_history(trained)
    short = before < history
    note[rows[short]] = [f"history: {count} of {history} steps" for count in before[short].tolist()]
