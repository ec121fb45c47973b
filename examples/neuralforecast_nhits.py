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


def main(project: str, output: str, steps: int = 300) -> None:
    """Train on the training split, predict validation and test."""
    with hindcast.open(project) as work:
        train = work.to_neuralforecast("train", lookback=48)
        print(train.summary)
        model = NHITS(
            **train.arguments, loss=MQLoss(level=[80]), max_steps=steps, scaler_type="standard", random_seed=1,
            learning_rate=1e-3, batch_size=256, windows_batch_size=256, enable_progress_bar=False, logger=False,
        )  # fmt: skip
        forecaster = NeuralForecast([model], freq=train.freq)
        forecaster.fit(train.df, static_df=train.static_df)
        parts = []
        for split in ("validation", "test"):
            data = work.to_neuralforecast(split, lookback=48)
            predicted = forecaster.predict(data.df, static_df=data.static_df, futr_df=data.futr_df)
            parts.append(data.forecasts(predicted, "NHITS-median", LEVELS))
        pd.concat(parts).to_csv(Path(output), index=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
