"""The windows of a split as darts TimeSeries. Only what the user calls imports darts, which is the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.feed.row_columns import name_columns
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import counted
from hindcast.pipeline.workspace.index_frames import times_of
from hindcast.pipeline.workspace.origin_windows import OriginWindows
from hindcast.pipeline.workspace.window_keys import WindowKeys
from hindcast.pipeline.workspace.window_parts import WindowParts


@dataclass(frozen=True)
class DartsData:
    """A split for the `fit` (train) or `predict` (the others) of a darts model; each list has one TimeSeries per window.

    - `series`: the target with its static covariates: `lookback` steps of history, and in training the `horizon` predicted ones.
    - `future_covariates`: the features, at the history and at the predicted steps, and `<target>_known`, which is 1 where
      the target of the history was known at the origin; `past_covariates`: those named in `past_only`, or None.
    - `sample_weight`: in training, the weight of each step, 0 where it does not count; else None.
    - `arguments`: `input_chunk_length` and `output_chunk_length`, which a model must be given.
    """

    series: list[Any]
    past_covariates: list[Any] | None
    future_covariates: list[Any]
    sample_weight: list[Any] | None
    arguments: Mapping[str, int]
    summary: str
    _keys: WindowKeys = field(repr=False)

    @property
    def keys(self) -> pd.DataFrame:
        """A row per window, with its group, series, track and origin."""
        return self._keys.frame

    @property
    def covariates(self) -> dict[str, list[Any]]:
        """The arguments `past_covariates` and `future_covariates` of `fit` and `predict`, as far as there are some."""
        found = {"past_covariates": self.past_covariates, "future_covariates": self.future_covariates}
        return {name: series for name, series in found.items() if series is not None}

    def forecasts(self, predicted: Sequence[Any], quantiles: Sequence[float] = ()) -> pd.DataFrame:
        """Return what `model.predict(n=horizon, series=..., ...)` gave as the rows for `hindcast evaluate --forecasts`.

        A prediction of several samples gives its median, and the `quantiles` of its samples. Raises FormatError if there is
        not one prediction of `horizon` steps for each window.
        """
        horizon = self._keys.scored.shape[1]
        if len(predicted) != len(self._keys.frame) or any(len(each) != horizon for each in predicted):
            raise FormatError(
                f"There must be a prediction of {counted(horizon, 'step')} for each of {counted(len(self._keys.frame), 'window')}, "
                f"found {counted(len(predicted), 'prediction')}: call predict(n={horizon}, series=data.series, **data.covariates)."
            )
        samples = np.stack([each.all_values()[:, 0, :] for each in predicted])
        values = {"value": np.median(samples, axis=2)}
        values |= {f"q{level:g}": np.quantile(samples, level, axis=2) for level in sorted(quantiles)}
        return self._keys.forecasts(values)


def darts_data(windows: OriginWindows, dataset: Dataset, past_only: Sequence[str]) -> DartsData:
    """Arrange windows as TimeSeries. Raises MissingInputError if darts is not installed."""
    name = dataset.targets[windows.target]
    parts = WindowParts.of(dataset, past_only)
    names = name_columns(dataset.features, (), (name, f"{name}_known")).features
    keys = WindowKeys.of(windows, dataset, name)
    lookback, length = windows.lookback, windows.lookback + windows.horizon
    make = _Maker(windows.times(dataset.frequency), pd.Timedelta(dataset.frequency, "ns"))
    stop = length if windows.request.is_training else lookback
    y = np.concatenate([windows.past, windows.future], axis=1)[..., None]
    known = np.zeros(y.shape, np.float32)
    known[:, :lookback, 0] = windows.known
    future = np.concatenate([windows.inputs[..., list(parts.future)], known], axis=2)
    static = [names[place] for place in parts.static]
    return DartsData(
        make.series(0, y[:, :stop], [name], (static, windows.inputs[:, lookback, list(parts.static)])),
        make.series(0, windows.inputs[:, :lookback, list(parts.past)], [names[place] for place in parts.past])
        if parts.past
        else None,
        make.series(0, future, [*(names[place] for place in parts.future), f"{name}_known"]),
        make.series(lookback, windows.weight[..., None], [name]) if windows.request.is_training else None,
        {"input_chunk_length": lookback, "output_chunk_length": windows.horizon},
        windows.summary(),
        keys,
    )


class _Maker:
    """Makes a TimeSeries for each window; `times` (window, step) are ns UTC."""

    def __init__(self, times: Any, frequency: pd.Timedelta) -> None:
        try:
            from darts import TimeSeries
        except ImportError as fault:
            raise MissingInputError(
                f"darts cannot be imported ({fault}): install it in this environment, as in `pip install darts`."
            ) from None
        self._make, self._frequency = TimeSeries.from_times_and_values, frequency
        self._starts = times

    def series(
        self, first: int, values: Any, names: Sequence[str], static: tuple[list[str], Any] | None = None
    ) -> list[Any]:
        """Return a TimeSeries of each window from its step `first` on; `values` are (window, step, component)."""
        made = []
        for place, own in enumerate(values):
            start = times_of(self._starts[place, first : first + 1]).tz_localize(None)[0]
            times = pd.date_range(start, periods=len(own), freq=self._frequency)
            covariates = None
            if static and static[0]:
                covariates = pd.DataFrame([static[1][place]], columns=static[0])
            made.append(
                self._make(
                    times,
                    np.ascontiguousarray(own, np.float32),
                    freq=times.freq,
                    columns=list(names),
                    static_covariates=covariates,
                )
            )
        return made
