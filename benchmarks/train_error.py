"""The best validation loss on the default input after equal times of training: with lanes, and with windows of 168 steps, 32 per batch."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.train_data import default_of
from benchmarks.train_floors import WORST, check_floor
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.prefetch import read_ahead
from hindcast.pipeline.learn.fitting import TrainingData, averaged
from hindcast.pipeline.learn.losses import inputs_for
from hindcast.pipeline.learn.preconditions import open_certified
from hindcast.pipeline.learn.training import prepare_training
from hindcast.pipeline.settings.params import load_params

_LOOKS = 30  # number of validations, at the same times in both modes; the best is kept, as `fit` does


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print both losses; return 1 if lanes have the higher loss."""
    found = {mode: trained_for(default_of(folder), mode, options.seconds) for mode in ("stateful", "windows")}
    for mode, (losses, passes) in found.items():
        print(
            f"{mode:<10} {min(losses):.4f} on validation, the best within {options.seconds:g} s of training, {passes:.2f} passes"
        )
        print(" " * 10, *(f"{loss:.3f}" for loss in losses))
    best = [min(found[mode][0]) for mode in ("stateful", "windows")]
    return check_floor("lanes / windows, validation", best[0] / best[1], WORST, above=False)


def trained_for(folder: Path, mode: str, seconds: float) -> tuple[list[float], float]:
    """Return the validation losses after equal shares of the time, and the number of passes."""
    # both modes validate the mean of the last batches' weights, so that the noise of a single batch does not matter
    overrides = [f"train.mode={mode}", "train.batch_size=32", "train.average=0.99"]
    params = load_params(folder / "params.yaml", overrides)
    with open_certified(params, folder) as data:
        return spend(prepare_training(params, data).training, seconds)


def spend(training: TrainingData, seconds: float) -> tuple[list[float], float]:
    """Train for a given time, not counting tracing and validation."""
    network, losses = training.network, list[float]()
    spent, played, begun = 0.0, 0, 0.0
    for batch in endless(training):
        network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
        spent += time.perf_counter() - begun if played else 0.0  # the first batch is traced
        played += 1
        if spent >= (len(losses) + 1) * seconds / _LOOKS:
            assert training.validate is not None
            with averaged(network):
                losses.append(float(training.validate(0) or 0.0))
            if len(losses) == _LOOKS:
                break
        begun = time.perf_counter()
    return losses, played / training.batches


def endless(training: TrainingData) -> Iterator[Batch]:
    for epoch in count():
        yield from read_ahead(training.epoch(epoch))
