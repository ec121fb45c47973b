"""The windows of a split as the DataFrames that NeuralForecast takes; the library itself is not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.row_columns import name_columns
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import counted, listed
from hindcast.pipeline.workspace.origin_windows import OriginWindows
from hindcast.pipeline.workspace.window_keys import WINDOW_ID, WindowKeys
from hindcast.pipeline.workspace.window_parts import WindowParts

_OWN = (WINDOW_ID, "ds", "y", "available_mask")


@dataclass(frozen=True)
class NeuralForecastData:
    """A split for `NeuralForecast.fit` (train) or `predict` (the others).

    - `df`: a series per window and origin: `unique_id`, `ds` (UTC without a zone), `y`, `available_mask`, features. In
      training its `horizon` predicted steps follow the `lookback` steps of history; else they are in `futr_df`, without `y`.
    - `static_df`: the static features of each `unique_id`, or None.
    - `arguments`: what a model must be given, so that it cuts exactly one window from each series: `h`, `input_size`,
      `step_size`, `start_padding_enabled` and the lists of features.
    - `freq`: for `NeuralForecast(models, freq=...)`.
    - `keys`: a row per `unique_id` with its group, series, track and origin.
    - `summary`: what is there and what was left out.
    """

    df: pd.DataFrame
    futr_df: pd.DataFrame | None
    static_df: pd.DataFrame | None
    arguments: Mapping[str, Any]
    freq: str
    summary: str
    _keys: WindowKeys = field(repr=False)

    @property
    def keys(self) -> pd.DataFrame:
        """A row per window."""
        return self._keys.frame

    def forecasts(
        self, predicted: pd.DataFrame, value: str | None = None, quantiles: Mapping[float, str] | None = None
    ) -> pd.DataFrame:
        """Return what `nf.predict(df, static_df, futr_df)` gave as the rows for `hindcast evaluate --forecasts`.

        `value` is the column of the model, by default the only one; `quantiles` are its columns by level. Raises FormatError
        if a window or step is missing.
        """
        frame = predicted.reset_index() if predicted.index.name == WINDOW_ID else predicted
        columns = [name for name in frame.columns if name not in {WINDOW_ID, "ds", "index"}]
        if value is None and len(columns) != 1:
            raise FormatError(
                f"The predictions have the columns {listed(columns)}: name one, as in value={columns[:1]}."
            )
        wanted = {
            "value": value or columns[0],
            **{f"q{level:g}": name for level, name in (quantiles or {}).items()},
        }
        if absent := [name for name in wanted.values() if name not in frame.columns]:
            raise FormatError(
                f"The predictions have no column {listed(absent)}; their columns: {listed(columns)}."
            )
        horizon = self._keys.scored.shape[1]
        index = pd.MultiIndex.from_arrays(
            [self._keys.frame[WINDOW_ID].repeat(horizon), self._keys.times.tz_localize(None)]
        )
        found = frame.set_index([WINDOW_ID, "ds"]).reindex(index)
        missing = int(found[wanted["value"]].isna().to_numpy()[self._keys.scored.reshape(-1)].sum())
        if missing:
            raise FormatError(
                f"The predictions have no value at {counted(missing, 'step')} of the windows: predict for this `df`."
            )
        return self._keys.forecasts(
            {name: found[column].to_numpy(np.float64).reshape(-1, horizon) for name, column in wanted.items()}
        )


def neuralforecast_data(
    windows: OriginWindows, dataset: Dataset, past_only: Sequence[str]
) -> NeuralForecastData:
    """Arrange windows for NeuralForecast."""
    keys = WindowKeys.of(windows, dataset, dataset.targets[windows.target])
    parts = WindowParts.of(dataset, past_only)
    names = name_columns(dataset.features, (), _OWN).features
    lookback, horizon = windows.lookback, windows.horizon
    length = lookback + horizon
    times = windows.times(dataset.frequency).astype("datetime64[ns]")

    def frame(first: int, stop: int, features: Sequence[int]) -> pd.DataFrame:
        ids = np.repeat(keys.frame[WINDOW_ID].to_numpy(object), stop - first)
        columns = {names[place]: windows.inputs[:, first:stop, place].reshape(-1) for place in features}
        return pd.DataFrame({WINDOW_ID: ids, "ds": times[:, first:stop].reshape(-1), **columns})

    y = np.concatenate([windows.past, windows.future], axis=1)
    mask = np.concatenate([windows.known, windows.weight > 0], axis=1)
    stop = length if windows.request.is_training else lookback
    df = frame(0, stop, (*parts.future, *parts.past))
    df.insert(2, "y", y[:, :stop].reshape(-1))
    df.insert(3, "available_mask", mask[:, :stop].reshape(-1).astype(np.float32))
    static = {names[place]: windows.inputs[:, lookback, place] for place in parts.static}
    return NeuralForecastData(
        df,
        None if windows.request.is_training else frame(lookback, length, parts.future),
        pd.DataFrame({WINDOW_ID: keys.frame[WINDOW_ID], **static}) if static else None,
        {
            "h": horizon,
            "input_size": lookback,
            "step_size": length,
            "start_padding_enabled": False,
            "futr_exog_list": [names[place] for place in parts.future],
            "hist_exog_list": [names[place] for place in parts.past],
            "stat_exog_list": [names[place] for place in parts.static],
        },
        to_offset(pd.Timedelta(dataset.frequency, "ns")).freqstr,
        windows.summary(),
        keys,
    )
