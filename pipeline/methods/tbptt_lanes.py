"""Method 4: truncated backpropagation with more sequences than fit a batch."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.feed.lanes import IDLE, LanePlan, fill_lanes
from hindcast.pipeline.feed.runs import Runs
from hindcast.pipeline.learn.losses import WeightedMean
from hindcast.pipeline.learn.stateful import carry
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.wording import size_text

_SEQUENCES, _STEPS, _PART, _LANES = 125_973, 1_000, 25, 256
_IDLE_LANES = (1, 3, 60)


def run(_: Path) -> list[str]:
    """Two large plans with their time and memory, and the effect of idle lanes. Writes nothing."""
    random = np.random.default_rng(0)
    whole = np.full(_SEQUENCES, _STEPS // _PART)
    return [
        _measure_plan(f"{_SEQUENCES:,} sequences of {_STEPS:,} steps in parts of {_PART}", whole),
        _measure_plan("a million sequences of 1 to 40 parts", random.integers(1, 41, 1_000_000)),
        *(f"{count} idle lanes beside 4 active ones: {_effect_of_idle(count)}" for count in _IDLE_LANES),
    ]


def _measure_plan(label: str, counts: Any) -> str:
    runs = Runs(np.arange(len(counts)), np.cumsum(counts) - counts, counts, np.zeros(len(counts), np.int64))
    begun = time.perf_counter()
    plan = fill_lanes(runs, _LANES, seed=0, epoch=0)
    plan.batch(plan.batch_count // 2)
    seconds = time.perf_counter() - begun
    tracemalloc.start()
    fill_lanes(runs, _LANES, seed=0, epoch=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (
        f"{label} on {_LANES} lanes: planned in {seconds:.1f} s with {size_text(peak)}; {plan.batch_count:,} batches, "
        f"{plan.idle_share:.2%} of the places idle; {_resets(plan)}"
    )


def _resets(plan: LanePlan) -> str:
    """The share of lanes that are reset in a batch: each where a run of its own starts."""
    batches = [plan.batch(number) for number in range(1, min(plan.batch_count, 200))]
    kept = [float(batch.keep[batch.sample != IDLE].mean()) for batch in batches]
    return f"in its first batches {1 - np.mean(kept):.1%} of the lanes start a run while the others continue"


def _effect_of_idle(count: int) -> str:
    """How much loss and trained weights change when idle lanes are added to four active ones."""
    (loss, weights), (other, others) = (train_one_step(idle) for idle in (0, count))
    difference = max(float(np.abs(a - b).max()) for a, b in zip(weights, others, strict=True))
    return f"the loss changes by {abs(loss - other):.1g}, a weight after one step by at most {difference:.1g}"


def train_one_step(idle_lanes: int) -> tuple[float, list[Any]]:
    """Loss, and weights after one step, of four active lanes and so many idle ones."""
    random = np.random.default_rng(1)
    values = random.normal(size=(4, _PART, 3)).astype(np.float32)
    targets = random.normal(size=(4, _PART, 1)).astype(np.float32)
    keras.utils.set_random_seed(7)
    inputs = keras.Input((None, 3), name="inputs")
    flow = keras.layers.LSTM(8, return_sequences=True)(inputs)
    network = carry(keras.Model({"inputs": inputs}, keras.layers.Dense(1)(flow)), 4 + idle_lanes)
    network.compile(keras.optimizers.SGD(0.5), WeightedMean(TrainSettings(loss="mse")), run_eagerly=True)
    padding = [(0, idle_lanes), (0, 0), (0, 0)]
    batch = {"inputs": np.pad(values, padding), "keep": np.zeros((4 + idle_lanes, 1), np.float32)}
    weights = np.pad(np.ones_like(targets), padding)
    loss = float(network.train_on_batch(batch, np.pad(targets, padding), weights))
    return loss, [np.array(keras.ops.convert_to_numpy(weight)) for weight in network.trainable_weights]
