"""The loss on validation of the embedded default input after as many seconds of training: by lanes, and by windows of 168 steps, 32 a batch."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.train_data import default_of
from benchmarks.train_floors import WORST, told
from pipeline.feed.ahead import read_ahead
from pipeline.feed.batches import Batch
from pipeline.learn.fitting import Lesson
from pipeline.learn.playing import inputs_for
from pipeline.learn.prepared import prepared
from pipeline.settings.params import load_params
from pipeline.store.reader import Dataset


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print both losses; 1 if that of lanes is the worse."""
    found = {mode: trained_for(default_of(folder), mode, options.seconds) for mode in ("stateful", "windows")}
    for mode, (loss, passes) in found.items():
        print(
            f"{mode:<10} {loss:.4f} on validation after {options.seconds:g} s of training, {passes:.2f} passes"
        )
    return told("lanes / windows, validation", found["stateful"][0] / found["windows"][0], WORST, above=False)


def trained_for(folder: Path, mode: str, seconds: float) -> tuple[float, float]:
    """The loss, and how many passes there were."""
    params = load_params(folder / "params.yaml", [f"train.mode={mode}", "train.batch_size=32"])
    with Dataset(folder / "data/dataset.h5") as dataset:
        lesson = prepared(params, folder, dataset).lesson
        played = spend(lesson, seconds)
        assert lesson.validate is not None
        return float(lesson.validate(0) or 0.0), played / lesson.batches


def spend(lesson: Lesson, seconds: float) -> int:
    """Train for so long, tracing left out; the number of batches."""
    network = lesson.network
    begun, played = 0.0, 0
    for batch in endless(lesson):
        network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
        played += 1
        begun = begun or time.perf_counter()
        if time.perf_counter() - begun > seconds:
            break
    return played


def endless(lesson: Lesson) -> Iterator[Batch]:
    for epoch in count():
        yield from read_ahead(lesson.epoch(epoch))
