"""TiDE of darts on a certified data set: trains a minute, writes a file for `hindcast evaluate --forecasts`.

python examples/darts_tide.py PROJECT forecasts.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from darts.dataprocessing.transformers import Scaler
from darts.models import TiDEModel

import hindcast


def main(project: str, output: str, epochs: int = 20) -> None:
    """Train on the training split, predict validation and test."""
    with hindcast.open(project) as work:
        train = work.to_darts("train", lookback=48)
        print(train.summary)
        model = TiDEModel(
            **train.arguments, n_epochs=epochs, batch_size=64, random_state=1, use_reversible_instance_norm=True,
            pl_trainer_kwargs={"accelerator": "cpu", "enable_progress_bar": False, "logger": False},
        )  # fmt: skip
        scale = Scaler(global_fit=True)  # one for all windows, from training windows alone
        covariates = scale.fit_transform(train.future_covariates)
        model.fit(train.series, future_covariates=covariates, sample_weight=train.sample_weight)
        parts = []
        for split in ("validation", "test"):
            data = work.to_darts(split, lookback=48)
            horizon = data.arguments["output_chunk_length"]
            covariates = scale.transform(data.future_covariates)
            predicted = model.predict(n=horizon, series=data.series, future_covariates=covariates)
            parts.append(data.forecasts(predicted))
        pd.concat(parts).to_csv(Path(output), index=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
