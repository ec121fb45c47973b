"""A pass with lanes compared with other methods for the same LSTM(64). Each runs a slice; a pass is extrapolated from its steps.

`windows + TensorBoard`: `fit` on windows of 168 steps, 32 per batch, cut by a generator from one series in memory, with
TensorBoard.  `timeseries_dataset`: `fit` over Keras's `timeseries_dataset_from_array`, 256 windows per batch.  `batch 1`: a
stateful layer and `train_on_batch`, 24 steps per call.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.train_data import FEATURES, SEGMENT, STEPS, large_of, steps_of
from benchmarks.train_floors import FLOORS, check_floor
from benchmarks.train_lanes import passes

WINDOW = 168
TURNS = 3


def measure(folder: Path, _options: argparse.Namespace) -> int:
    """Print the seconds per pass of each method; return the number of floors missed."""
    with passes(large_of(folder)) as both:
        lanes = statistics.median(seconds for seconds, _ in both.pairs(TURNS))
    ways = {
        "windows + TensorBoard": windows_with_tensorboard,
        "timeseries_dataset": timeseries_dataset,
        "batch 1": batch_one,
    }
    steps = steps_of(folder)
    others = {name: steps * way() for name, way in ways.items()}
    print(f"{'method':<24}{'s per pass':>12}{'steps/s':>12}{'times lanes':>14}")
    for name, seconds in {"lanes": lanes, **others}.items():
        print(f"{name:<24}{seconds:>12.2f}{steps / seconds:>12,.0f}{seconds / lanes:>14.2f}")
    return sum(
        check_floor(f"{name} / lanes", others[name] / lanes, floor, above=True)
        for name, floor in FLOORS.items()
    )


def windows_with_tensorboard(windows: int = 6_400) -> float:
    """Measure seconds per step."""
    values, targets = one_series()

    class Windows(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return windows // 32

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            ends = np.random.default_rng(number).integers(WINDOW, STEPS, 32)
            return np.stack([values[end - WINDOW : end] for end in ends]), targets[ends - 1]

    network, data = plain(), Windows()
    with tempfile.TemporaryDirectory() as logs:
        board = keras.callbacks.TensorBoard(logs, histogram_freq=1)
        network.fit(data, epochs=1, verbose=0, callbacks=[board])
        begun = time.perf_counter()
        network.fit(data, epochs=1, verbose=0, callbacks=[board])
        return (time.perf_counter() - begun) / windows


def timeseries_dataset(windows: int = 12_800) -> float:
    """Measure seconds per step."""
    values, targets = (np.concatenate([part] * 2) for part in one_series())
    data = keras.utils.timeseries_dataset_from_array(
        values[: windows + WINDOW - 1], targets[WINDOW - 1 :][:windows], WINDOW, batch_size=256
    )
    network = plain()
    network.fit(data, epochs=1, verbose=0)
    begun = time.perf_counter()
    network.fit(data, epochs=1, verbose=0)
    return (time.perf_counter() - begun) / windows


def batch_one(calls: int = 1_500) -> float:
    """Measure seconds per step."""
    values, targets = one_series()
    network = plain(stateful=True)
    parts = [slice(start, start + SEGMENT) for start in range(0, STEPS - SEGMENT, SEGMENT)]
    network.train_on_batch(values[None, parts[0]], targets[None, parts[0]])
    begun = time.perf_counter()
    for number in range(calls):
        part = parts[number % len(parts)]
        network.train_on_batch(values[None, part], targets[None, part])
    return (time.perf_counter() - begun) / (calls * SEGMENT)


def one_series() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    values, targets = random.normal(size=(STEPS, FEATURES)), random.normal(size=(STEPS, 1))
    return values.astype(np.float32), targets.astype(np.float32)


def plain(*, stateful: bool = False) -> Any:
    shape = (1, SEGMENT, FEATURES) if stateful else (None, WINDOW, FEATURES)
    inputs = keras.Input(batch_shape=shape)
    flow = keras.layers.LSTM(64, stateful=stateful, return_sequences=stateful)(inputs)
    network = keras.Model(inputs, keras.layers.Dense(1)(flow))
    network.compile("adam", "mae", jit_compile=False)
    return network
