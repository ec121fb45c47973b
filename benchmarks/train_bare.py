"""Training from a data set compared with a bare Keras network of the same shape, fed from memory by `train_on_batch`.

The bare one is what a Keras user would write for the same numbers: a stateful LSTM(64) over 17 features and an embedding of 8
numbers per series, 256 rows of 24 steps, Adam with a clipped norm, batches made beforehand, no weights, no shuffling, no checks.
`bits` is the same on both sides: exact is TensorFlow without oneDNN, fast with it. Ours is the loop of `fitting.fit`: read from
HDF5, decoded, put into lanes, guarded, with scaling, weights and deterministic operations.

Each runs in a process of its own. They take turns, and the other one is stopped meanwhile, so that it cannot read ahead.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.train_data import COUNTS, FEATURES, SEGMENT, many_of
from benchmarks.train_floors import BARE, check_floor

Bits = Literal["exact", "fast"]
KERNELS: tuple[Bits, ...] = ("exact", "fast")
LANES, TURN, MADE = 256, 120, 60  # batches of a turn, batches in memory


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print steps per second of both for each number of series and kind of kernel; return the number of floors missed."""
    missed = 0
    for series in COUNTS:
        for bits in KERNELS:
            with turns(many_of(folder, series), series, bits) as take:
                pairs = [take() for _ in range(options.rounds)]
            missed += report(f"{series:,} series, {bits}", pairs)
    return missed


def report(what: str, pairs: list[tuple[float, float]]) -> int:
    """Print the medians of pairs (ours, bare) of steps per second; return 1 if the floor is missed."""
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{what}: ours {ours:,.0f} steps/s, bare {bare:,.0f}; pairs", *(f"{a / b:.2f}" for a, b in pairs))
    ratio = statistics.median(one / other for one, other in pairs)
    return check_floor(f"{what}: ours / bare, median of the pairs", ratio, BARE, above=True)


@contextmanager
def turns(path: Path, series: int, bits: Bits) -> Iterator[Callable[[], tuple[float, float]]]:
    """A function that lets ours, then the bare one, train on TURN batches, and returns the steps per second of both."""
    context = get_context("spawn")
    sides = []
    for run, arguments in ((run_ours, (path, bits)), (run_bare, (series, bits))):
        here, there = context.Pipe()
        process = context.Process(target=run, args=(there, *arguments), daemon=True)
        process.start()
        there.close()
        here.recv()  # built and traced
        _send(process, signal.SIGSTOP)
        sides.append((process, here))

    def take_turn(process: Any, pipe: Connection) -> float:
        _send(process, signal.SIGCONT)
        pipe.send(TURN)
        speed = float(pipe.recv())
        _send(process, signal.SIGSTOP)
        return speed

    try:
        yield lambda: (take_turn(*sides[0]), take_turn(*sides[1]))
    finally:
        for process, _ in sides:
            process.kill()
            process.join()


def _send(process: Any, number: signal.Signals) -> None:
    os.kill(process.pid, number)


def run_ours(pipe: Connection, path: Path, bits: Bits) -> None:
    """Train on as many batches as asked for, epoch after epoch, and answer with the steps per second."""
    from hindcast.pipeline.learn.backend import start_framework

    start_framework(bits)
    from hindcast.pipeline.feed.scaling import neutral_scaling
    from hindcast.pipeline.feed.trained_series import trained_series
    from hindcast.pipeline.learn.fitting import play_epoch
    from hindcast.pipeline.learn.history import Cursor, Pace
    from hindcast.pipeline.learn.preconditions import CertifiedData
    from hindcast.pipeline.learn.training import prepare_training
    from hindcast.pipeline.settings.train import TrainSettings
    from hindcast.pipeline.store.reader import Dataset
    from tests.mock_data import mock_params

    settings = {"lanes": LANES, "identity": "embedding", "run_length": "60d", "bits": bits}
    params = mock_params(train=settings)
    assert isinstance(params.train, TrainSettings)
    with Dataset(path, check_shards=False, copy_to=path.parent) as dataset:
        scaling = neutral_scaling(FEATURES, 1)
        setup = prepare_training(params, CertifiedData(dataset, scaling, trained_series(dataset)))
        cursor = Cursor()

        def endless() -> Iterator[None]:
            while True:
                yield from play_epoch(setup.training, cursor, params.train, Pace(setup.training.batches))
                cursor.begin_next_epoch()

        batches = endless()
        answer(pipe, lambda: next(batches))


def run_bare(pipe: Connection, series: int, bits: Bits) -> None:
    """The same for a bare network."""
    from hindcast.pipeline.learn.backend import set_environment

    set_environment(bits)  # the same kernels; nothing else of this project
    import keras

    random = np.random.default_rng(0)
    shape = (MADE, LANES, SEGMENT)
    values, targets = (random.normal(size=(*shape, width)).astype(np.float32) for width in (FEATURES, 1))
    numbers = np.repeat(random.integers(1, series + 1, (MADE, LANES, 1)), SEGMENT, axis=2).astype(np.int32)
    inputs = keras.Input(batch_shape=(*shape[1:], FEATURES))
    known = keras.Input(batch_shape=shape[1:], dtype="int32")
    flow = keras.layers.Concatenate()([inputs, keras.layers.Embedding(series + 1, 8)(known)])
    flow = keras.layers.LSTM(64, stateful=True, return_sequences=True)(flow)
    network = keras.Model([inputs, known], keras.layers.Dense(1)(flow))
    # without XLA, which compiles for seconds and is no faster here
    network.compile(keras.optimizers.Adam(0.002, global_clipnorm=1.0), "mae", jit_compile=False)
    played = 0

    def play() -> None:
        nonlocal played
        place = played % MADE
        float(network.train_on_batch([values[place], numbers[place]], targets[place]))
        played += 1

    answer(pipe, play)


def answer(pipe: Connection, play: Callable[[], None]) -> None:
    """Play some batches, then as many as the pipe says, until it is closed."""
    for _ in range(20):
        play()
    pipe.send("ready")
    while True:
        count = pipe.recv()
        begun = time.perf_counter()
        for _ in range(count):
            play()
        pipe.send(count * LANES * SEGMENT / (time.perf_counter() - begun))
