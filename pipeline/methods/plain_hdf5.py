"""Method 3: HDF5 with `sample_count` and split indices, read by the plain loop of tutorials, and by the reader in runs of whole chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  registers the zstd filter
import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.methods.run_stages import TO_CERTIFICATE, run_stages, write_simulated_settings
from hindcast.pipeline.store.reader import Dataset

SETTINGS = (
    "simulate.games=2", "simulate.customers=10", "simulate.days=200", "train.mode=windows",
    "split={policy: random, validation: 0.1, test: 0.2}",
)  # fmt: skip
_BATCH, _TIMED_BATCHES = 32, 60  # the plain loop is slow: few of its batches are timed


def run(folder: Path) -> list[str]:
    """A data set split at random, read by the plain loop (from a shard and from dataset.h5) and by the reader."""
    write_simulated_settings(folder)
    run_stages(folder, ("simulate", *TO_CERTIFICATE[:3]), SETTINGS)
    shard = min((folder / "data/packed").glob("*.h5"))
    lines = []
    for path in (shard, folder / "data/dataset.h5"):
        count = read_sample_count(path)
        training, validation = split_permutation(count, 0.2, seed=7)
        batches = [len(x) for x, _ in plain_batches(path, training, 500)]
        begun = time.perf_counter()
        read = sum(len(x) for x, _ in plain_batches(path, training[: _BATCH * _TIMED_BATCHES], _BATCH))
        rate = read / (time.perf_counter() - begun)
        lines.append(
            f"{path.name}: sample_count {count}, {len(training)} for training and {len(validation)} for validation; each read "
            f"once per epoch: {sum(batches) == len(training)}, the last batch holds {batches[-1]}; plain loop {rate:,.0f} samples/s"
        )
    with Dataset(folder / "data/dataset.h5") as dataset:
        indices = np.asarray(dataset.split("train").indices)
        order = np.random.default_rng(7).permutation(indices)
        begun = time.perf_counter()
        for start in range(0, len(order), 4096):
            dataset.read("X", order[start : start + 4096])
            dataset.read("Y", order[start : start + 4096])
        rate = len(order) / (time.perf_counter() - begun)
        parts = {name: len(dataset.split(name).indices) for name in ("train", "validation", "test")}
    return [
        *lines,
        f"split policy random, by settings: {parts}",
        f"read in runs of whole chunks: {rate:,.0f} samples/s",
    ]


def read_sample_count(path: Path) -> int:
    """The attribute of a shard or data set that holds its number of samples."""
    with h5py.File(path, "r") as file:
        return int(file.attrs["sample_count"])


def split_permutation(count: int, validation: float, seed: int) -> tuple[Ints, Ints]:
    """A permutation of 0..count-1, cut at (1 - `validation`) into training and validation."""
    order = np.random.default_rng(seed).permutation(count)
    cut = int(count * (1 - validation))
    return order[:cut], order[cut:]


def plain_batches(path: Path, indices: Ints, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """(X, Y) of each batch: its indices are sorted, as h5py requires; the remainder is a last, shorter batch."""
    with h5py.File(path, "r") as file:
        for start in range(0, len(indices), batch_size):
            chosen = np.sort(indices[start : start + batch_size])
            yield file["X"][chosen], file["Y"][chosen]
