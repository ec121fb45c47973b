"""NHITS of NeuralForecast on a certified data set: trains a minute, writes a file for `hindcast evaluate --forecasts`.

python examples/neuralforecast_nhits.py PROJECT forecasts.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import NHITS

import hindcast

LEVELS = {0.1: "NHITS-lo-80", 0.9: "NHITS-hi-80"}


class Scales:
    """Mean and deviation of each column over the training windows; `y` of its known values alone."""

    def __init__(self, frame: pd.DataFrame) -> None:
        numbers = frame.drop(columns=["unique_id", "ds", "available_mask"])
        known = frame.loc[frame["available_mask"] > 0, "y"]
        self.mean, self.std = numbers.mean(), numbers.std().clip(lower=1e-6)
        self.mean["y"], self.std["y"] = known.mean(), known.std()

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns with mean 0 and deviation 1."""
        names = [name for name in self.mean.index if name in frame.columns]
        scaled = (frame[names] - self.mean[names]) / self.std[names]
        return frame.assign(**{name: scaled[name] for name in names})

    def invert(self, predicted: pd.DataFrame) -> pd.DataFrame:
        """Return predictions in physical units."""
        names = predicted.columns.difference(["unique_id", "ds"])
        return predicted.assign(**{name: predicted[name] * self.std["y"] + self.mean["y"] for name in names})


def main(project: str, output: str, steps: int = 300) -> None:
    """Train on the training split, predict validation and test."""
    with hindcast.open(project) as work:
        train = work.to_neuralforecast("train", lookback=48)
        print(train.summary)
        scales = Scales(train.df)
        model = NHITS(
            **train.arguments, loss=MQLoss(level=[80]), max_steps=steps, random_seed=1, learning_rate=1e-3,
            batch_size=256, windows_batch_size=256, enable_progress_bar=False, logger=False,
        )  # fmt: skip
        forecaster = NeuralForecast([model], freq=train.freq)
        forecaster.fit(scales.apply(train.df), static_df=train.static_df)
        parts = []
        for split in ("validation", "test"):
            data = work.to_neuralforecast(split, lookback=48)
            assert data.futr_df is not None  # of every split but training
            future = scales.apply(data.futr_df)
            predicted = forecaster.predict(scales.apply(data.df), static_df=data.static_df, futr_df=future)
            parts.append(data.forecasts(scales.invert(predicted), "NHITS-median", LEVELS))
        pd.concat(parts).to_csv(Path(output), index=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
