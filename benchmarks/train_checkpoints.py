"""The time of a checkpoint, and the share of the training time that checkpoints take at the default interval."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.train_data import large_of
from benchmarks.train_floors import DEAREST, check_floor
from benchmarks.train_lanes import passes
from hindcast.pipeline.learn.checkpoints import Checkpoints
from hindcast.pipeline.learn.history import Cursor
from hindcast.pipeline.learn.losses import inputs_for
from hindcast.pipeline.settings.train import TrainSettings


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print the time of one and their share; return 1 if it is above the floor."""
    interval = TrainSettings().checkpoint_every
    assert interval is not None
    assert not isinstance(interval, int)
    kept, costs = Checkpoints(folder / "checkpoints", {}, interval), []
    with passes(large_of(folder)) as both:
        network, first = both.training.network, both.first
        for number in range(options.rounds):
            network.train_on_batch(inputs_for(network, first), first.targets, first.weights)
            begun = time.perf_counter()
            kept.save(network, Cursor(batch=number))
            costs.append(time.perf_counter() - begun)
    kept.clear()
    cost, seconds = statistics.median(costs), interval.ns / 1e9
    print(f"a checkpoint: {1000 * cost:.1f} ms (slowest {1000 * max(costs):.1f}), one in {seconds:g} s")
    return check_floor("share of a training's time, %", 100 * cost / (seconds + cost), DEAREST, above=False)
