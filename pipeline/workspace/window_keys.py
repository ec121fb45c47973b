"""What the windows of other libraries are called, and their predictions as a file for `hindcast evaluate --forecasts`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.row_columns import unique_ids
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import counted
from hindcast.pipeline.workspace.index_frames import times_of
from hindcast.pipeline.workspace.origin_windows import OriginWindows

WINDOW_ID = "unique_id"


@dataclass(frozen=True)
class WindowKeys:
    """`frame` has a row per window: `unique_id` (series and origin), `group`, `series`, `track`, `origin`, `start`, `steps`.

    `target` is named in the forecasts if the data set has several.
    """

    frame: pd.DataFrame
    scored: np.ndarray
    frequency: int
    target: str | None = None

    @classmethod
    def of(cls, windows: OriginWindows, dataset: Dataset, target: str) -> WindowKeys:
        """Name the windows of a data set."""
        table, rows = dataset.sequences, windows.sequence
        origin = times_of(windows.origin)
        ids = unique_ids(table)[rows] + "|" + origin.strftime("%Y-%m-%dT%H:%M:%SZ").to_numpy(object)
        frame = pd.DataFrame(
            {
                WINDOW_ID: ids,
                "group": table.group[rows],
                "series": table.series[rows],
                "track": table.track[rows],
                "origin": origin,
                "start": times_of(windows.start),
                "steps": windows.count,
            }
        )
        return cls(frame, windows.scored, dataset.frequency, target if len(dataset.targets) > 1 else None)

    @property
    def times(self) -> pd.DatetimeIndex:
        """The predicted times of all windows, one after the other, in UTC."""
        horizon = self.scored.shape[1]
        start = self.frame["start"].astype("int64").to_numpy()
        return times_of((start[:, None] + np.arange(horizon) * self.frequency).reshape(-1))

    def forecasts(self, values: dict[str, Floats]) -> pd.DataFrame:
        """Return the rows for `hindcast evaluate --forecasts`: group, series, origin, valid_time, value and quantiles.

        `values` has (window, step) arrays by the name of the column; padding and steps that the split does not score are
        left out. Quantiles that fall with their level, as some losses allow, are sorted.
        """
        kept = self.scored.reshape(-1)
        repeated = self.frame.loc[
            self.frame.index.repeat(self.scored.shape[1]), ["group", "series", "origin"]
        ]
        rows = repeated.reset_index(drop=True).assign(valid_time=self.times)
        if self.target is not None:
            rows["target"] = self.target
        for name, column in values.items():
            if column.shape != self.scored.shape:
                raise FormatError(
                    f"{name} has the shape {column.shape}, but there are {counted(len(self.scored), 'window')} of "
                    f"{counted(self.scored.shape[1], 'step')}: predict for exactly these windows."
                )
            rows[name] = np.asarray(column, np.float64).reshape(-1)
        levels = sorted((name for name in values if name != "value"), key=lambda name: float(name[1:]))
        if len(levels) > 1:
            rows[levels] = np.sort(rows[levels].to_numpy(np.float64), axis=1)
        return rows[kept].reset_index(drop=True)
