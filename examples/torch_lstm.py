"""An LSTM in PyTorch on windows of a certified data set: trains a minute, writes a file for `hindcast evaluate --forecasts`.

python examples/torch_lstm.py PROJECT forecasts.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

import hindcast

LOOKBACK = 24


class Network(nn.Module):  # type: ignore[misc]  # torch is installed elsewhere
    """An LSTM over the features, scaled by the scaler's means and deviations, and an embedding of the series."""

    def __init__(self, series: int, scales: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, values in scales.items():
            self.register_buffer(name, torch.tensor(np.asarray(values, np.float32)))
        self.identity = nn.Embedding(series, 4)
        self.recurrent = nn.LSTM(len(scales["mean"]), 32, batch_first=True)
        self.output = nn.Linear(36, 1)

    def forward(self, features: torch.Tensor, series: torch.Tensor) -> torch.Tensor:
        """Predict the target of the last step."""
        state, _ = self.recurrent((features - self.mean) / self.std)
        joined = torch.cat([state[:, -1], self.identity(series)], dim=1)
        return self.output(joined) * self.target_std + self.target_mean


def scales_of(work: hindcast.Workspace) -> dict[str, np.ndarray]:
    """Means and deviations of training rows: of the first batches, which are shuffled."""
    stream = work.samples("train", 256)
    batches = [stream[number] for number in range(min(4, len(stream)))]
    values = np.concatenate([inputs["inputs"].reshape(-1, len(work.features)) for inputs, _, _ in batches])
    weight = np.concatenate([weights[work.targets[0]].reshape(-1) for _, _, weights in batches])
    target = np.concatenate([targets[work.targets[0]].reshape(-1) for _, targets, _ in batches])[weight > 0]
    return {
        "mean": values.mean(axis=0), "std": values.std(axis=0) + 1e-6,
        "target_mean": target.mean(), "target_std": target.std() + 1e-6,
    }  # fmt: skip


def main(project: str, output: str, epochs: int = 10) -> None:
    """Train on the training split, predict validation and test."""
    torch.manual_seed(1)
    with hindcast.open(project) as work:
        batches = work.to_torch(work.windows("train", lookback=LOOKBACK, batch_size=128, seed=1))
        network = Network(len(batches.keys), scales_of(work))
        optimizer = torch.optim.Adam(network.parameters(), 3e-3)
        for epoch in range(epochs):
            batches.set_epoch(epoch)
            for batch in DataLoader(batches, batch_size=None, num_workers=2):
                error = (network(batch["X"], batch["series"]) - batch["Y"]).abs() * batch["weight"]
                loss = error.sum() / batch["weight"].sum().clamp(min=1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            print(f"epoch {epoch}: {loss.item():.4f}")
        pd.concat([predict(work, network, split) for split in ("validation", "test")]).to_csv(
            Path(output), index=False
        )


def predict(work: hindcast.Workspace, network: Network, split: str) -> pd.DataFrame:
    """Return a row for each window of a split."""
    batches = work.to_torch(work.windows(split, lookback=LOOKBACK, batch_size=512))
    network.eval()
    with torch.no_grad():
        values = np.concatenate([network(batch["X"], batch["series"]).numpy()[:, 0] for batch in batches])
    return batches.forecasts(value=values)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
