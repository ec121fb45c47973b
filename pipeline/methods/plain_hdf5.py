"""Method 3: HDF5 with `sample_count` and split indices, by the plain loop and by whole chunk runs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from hindcast.pipeline.methods.plain_loop import permuted, plain_batches, sample_count
from hindcast.pipeline.methods.run_stages import TO_CERTIFICATE, run_stages, simulated_settings
from hindcast.pipeline.store.reader import Dataset

_SETTINGS = (
    "simulate.games=2", "simulate.customers=10", "simulate.days=200", "train.mode=windows",
    "split={policy: random, validation: 0.1, test: 0.2}",
)  # fmt: skip
_BATCH, _SLICE = 32, 60  # batches of the plain loop that are timed: it is slow


def shown(folder: Path) -> list[str]:
    """A data set split at random, walked by the plain loop (on a shard and on dataset.h5) and by the reader."""
    simulated_settings(folder)
    run_stages(folder, ("simulate", *TO_CERTIFICATE[:3]), _SETTINGS)
    shard = min((folder / "data/packed").glob("*.h5"))
    lines = []
    for path in (shard, folder / "data/dataset.h5"):
        count = sample_count(path)
        training, validation = permuted(count, 0.2, seed=7)
        batches = [len(x) for x, _ in plain_batches(path, training, 500)]
        begun = time.perf_counter()
        read = sum(len(x) for x, _ in plain_batches(path, training[: _BATCH * _SLICE], _BATCH))
        plain = read / (time.perf_counter() - begun)
        lines.append(
            f"{path.name}: sample_count {count}, {len(training)} for training and {len(validation)} for validation; each once "
            f"an epoch: {sum(batches) == len(training)}, the last batch holds {batches[-1]}; plain loop {plain:,.0f} samples/s"
        )
    with Dataset(folder / "data/dataset.h5") as dataset:
        indices = np.asarray(dataset.split("train").indices)
        order = np.random.default_rng(7).permutation(indices)
        begun = time.perf_counter()
        for start in range(0, len(order), 4096):
            dataset.read("X", order[start : start + 4096])
            dataset.read("Y", order[start : start + 4096])
        fast = len(order) / (time.perf_counter() - begun)
        parts = {name: len(dataset.split(name).indices) for name in ("train", "validation", "test")}
    return [
        *lines,
        f"split policy random, by settings: {parts}",
        f"by whole chunk runs {fast:,.0f} samples/s",
    ]
