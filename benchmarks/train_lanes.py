"""The LSTM(64) of the benchmark in 256 lanes of 24 steps, built and run as in training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.train_data import FEATURES
from hindcast.pipeline.feed.batches import Batch, BatchSource
from hindcast.pipeline.feed.prefetch import read_ahead
from hindcast.pipeline.feed.scaling import neutral_scaling
from hindcast.pipeline.learn.fitting import TrainingData
from hindcast.pipeline.learn.losses import inputs_for
from hindcast.pipeline.learn.modes import training_data
from hindcast.pipeline.learn.network import make_layers, make_networks
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.reader import Dataset

LANES = 256


@dataclass(frozen=True)
class Passes:
    """Two kinds of pass with the same network, already traced: with lanes from a data set, and at the limit."""

    training: TrainingData
    first: Batch

    def by_lanes(self, epoch: int) -> float:
        """Measure seconds of the pass of an epoch, checked and read ahead as `pipeline.learn.fitting.fit` does."""
        begun, network, guard = time.perf_counter(), self.training.network, self.training.guard()
        for batch in read_ahead(self.training.epoch(epoch)):
            if guard is not None:
                guard.check(batch.identity, batch.keep)
            float(network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights))
        return time.perf_counter() - begun

    def at_the_limit(self) -> float:
        """Measure seconds of the same number of batches, all of them the first one, which is in memory."""
        network, first = self.training.network, self.first
        inputs = inputs_for(network, first)
        begun = time.perf_counter()
        for _ in range(self.training.batches):
            float(network.train_on_batch(inputs, first.targets, first.weights))
        return time.perf_counter() - begun

    def pairs(self, rounds: int) -> list[tuple[float, float]]:
        """Measure pairs (with lanes, at the limit) of consecutive passes, in alternating order."""
        found = []
        for number in range(rounds):
            if number % 2:
                lanes, limit = self.by_lanes(number), self.at_the_limit()
            else:
                limit, lanes = self.at_the_limit(), self.by_lanes(number)
            found.append((lanes, limit))
        return found


@contextmanager
def passes(path: Path) -> Iterator[Passes]:
    """Open the data set once, as training does, so that only the first pass finds none of it in the process's memory."""
    learner = made_learner()
    with Dataset(path) as sample, Dataset(path) as dataset:
        first = by_lanes(sample, learner).epoch(0)[0]
        training = by_lanes(dataset, learner)
        training.network.train_on_batch(inputs_for(training.network, first), first.targets, first.weights)
        yield Passes(training, first)


def by_lanes(dataset: Dataset, learner: Any) -> TrainingData:
    settings = TrainSettings(lanes=LANES, identity="none", patience=None)
    numbers = np.zeros(len(dataset.sequences), np.int32)
    batch_source = BatchSource(dataset, neutral_scaling(FEATURES, 1), numbers)
    return training_data(batch_source, learner, settings, seed=7)


def made_learner() -> Any:
    settings = TrainSettings(units=(64,), identity="none")
    layers = make_layers(neutral_scaling(FEATURES, 1), (-1,) * FEATURES, 0, settings)
    return make_networks(layers, FEATURES).learner
