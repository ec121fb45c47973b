"""One pass over two million steps of 17 features with an LSTM(64): lanes beside the ways in use, and beside the limit.

    make bench-train                                          # all of it, in a temporary folder of 1 GB
    make bench-train ARGS="--folder /tmp/bench --only prepare"  # then: --only limit, ...

limit: seconds a pass, without tracing, by 256 lanes of 24 steps, streamed from the data set, and by the same network fed one
constant batch from memory.  speed: the same pass by lanes beside other ways.  `windows + TensorBoard`: `fit` on windows of 168 steps, 32 a batch, cut by a
generator from one series in memory, with TensorBoard.  `timeseries_dataset`: `fit` over Keras's
`timeseries_dataset_from_array`, 256 windows a batch.  `batch 1`: a stateful layer and `train_on_batch`, 24 steps a call.
The other ways play a slice; a pass is extrapolated by its steps.
checkpoints: what one costs, and its share of a training's time at the default interval.
error: the loss on validation of the embedded default input after as many seconds of training, by lanes and by windows of
168 steps, 32 a batch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SERIES, STEPS, FEATURES, LANES, SEGMENT, WINDOW = 256, 7_840, 17, 256, 24, 168
TOTAL = SERIES * STEPS
FLOORS = {"windows + TensorBoard": 60.0, "timeseries_dataset": 60.0}
LIMIT = 1.05
DEAREST = 2.0  # % of a training's time
PARTS = ("prepare", "limit", "speed", "checkpoints", "error")
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark of training.")
    parser.add_argument(
        "--folder", type=Path, help="where the data are made, and kept; a temporary folder if left out"
    )
    parser.add_argument("--only", choices=list(PARTS), help="one part (with --folder)")
    parser.add_argument("--seconds", type=float, default=60, help="of training, for error")
    parser.add_argument("--rounds", type=int, default=9, help="passes of each, for limit and checkpoints")
    options = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-train-") as temporary:
        folder = options.folder or Path(temporary)
        if options.only in {None, "prepare"}:
            prepare(folder)
        if options.only in {None, "limit"}:
            missed += limit(folder, options.rounds)
        if options.only in {None, "speed"}:
            missed += speed(folder)
        if options.only in {None, "checkpoints"}:
            missed += checkpoints(folder, options.rounds)
        if options.only in {None, "error"}:
            missed += error(folder, options.seconds)
    return min(1, missed)


def prepare(folder: Path) -> None:
    """A made-up data set of two million steps, and the embedded default input up to its certificate."""
    from tests.mock_data import mock_dataset, mock_group, mock_params

    params = mock_params(pack={"segment_length": SEGMENT, "codec": "zstd"})
    group = mock_group(
        "g", series=[f"s{number:03}" for number in range(SERIES)], steps=(STEPS,), features=FEATURES
    )
    mock_dataset(folder / "large", [group], params, validation=0, test=0)
    default = folder / "default"
    default.mkdir(parents=True, exist_ok=True)
    (default / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        subprocess.run(
            command,
            cwd=default,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            stdout=subprocess.DEVNULL,
        )


# --- speed ------------------------------------------------------------------------------------------------------


def limit(folder: Path, rounds: int) -> int:
    """Print seconds a pass by lanes and by one constant batch from memory; 1 if the floor is missed."""
    from pipeline.learn.starting import start_framework

    print(f"{TOTAL:,} steps x {FEATURES} features, LSTM(64), on {start_framework()}")
    lanes, least = lanes_and_limit(folder / "large/dataset.h5", rounds)
    print(f"medians: lanes {lanes:.2f} s, limit {least:.2f} s a pass")
    return told("lanes / limit", lanes / least, LIMIT, above=False)


def speed(folder: Path) -> int:
    """Print seconds a pass of each way; the number of floors missed."""
    from pipeline.learn.starting import start_framework

    print(f"{TOTAL:,} steps x {FEATURES} features, LSTM(64), on {start_framework()}")
    lanes, _ = lanes_and_limit(folder / "large/dataset.h5", 3)
    others = {
        "windows + TensorBoard": windows_with_tensorboard(),
        "timeseries_dataset": timeseries_dataset(),
        "batch 1": batch_one(),
    }
    print(f"{'way':<24}{'s a pass':>12}{'steps/s':>12}{'times lanes':>14}")
    for name, seconds in {"lanes": lanes, **others}.items():
        print(f"{name:<24}{seconds:>12.2f}{TOTAL / seconds:>12,.0f}{seconds / lanes:>14.2f}")
    return sum(
        told(f"{name} / lanes", others[name] / lanes, floor, above=True) for name, floor in FLOORS.items()
    )


def told(what: str, value: float, floor: float, *, above: bool) -> int:
    held = value >= floor if above else value <= floor
    print(
        f"{what}: {value:.2f}, {'at least' if above else 'at most'} {floor:g} is wanted: {'held' if held else 'MISSED'}"
    )
    return int(not held)


def lanes_and_limit(path: Path, rounds: int) -> tuple[float, float]:
    """Passes of both in turns, so that a machine's moods hit both, each time the other one first; medians.

    As in a training the data set stays open, so the first pass alone finds nothing of it in the process's memory.
    """
    import numpy as np

    from pipeline.feed.ahead import read_ahead
    from pipeline.feed.scaling import neutral_scaling
    from pipeline.learn.playing import inputs_for
    from pipeline.store.reader import Dataset

    passes: dict[str, list[float]] = {"lanes": [], "limit": []}
    with Dataset(path) as sample, Dataset(path) as dataset:
        taught = learner(neutral_scaling(FEATURES, 1))
        first = lesson_by_lanes(sample, taught).epoch(0)[0]
        lesson = lesson_by_lanes(dataset, taught)
        network, inputs = lesson.network, inputs_for(lesson.network, first)
        network.train_on_batch(inputs, first.targets, first.weights)
        for number in range(rounds):
            for way in ("lanes", "limit") if number % 2 else ("limit", "lanes"):
                begun = time.perf_counter()
                if way == "limit":
                    for _ in range(lesson.batches):
                        float(network.train_on_batch(inputs, first.targets, first.weights))
                else:
                    guard = lesson.guard()
                    for batch in read_ahead(lesson.epoch(number)):
                        guard.check(batch.identity, batch.keep)
                        values = inputs_for(network, batch)
                        float(network.train_on_batch(values, batch.targets, batch.weights))
                passes[way].append(time.perf_counter() - begun)
    for way, seconds in passes.items():
        print(f"{way:<6}", *(f"{one:.2f}" for one in seconds))
    return float(np.median(passes["lanes"])), float(np.median(passes["limit"]))


def lesson_by_lanes(dataset: Any, network: Any) -> Any:
    import numpy as np

    from pipeline.feed.batches import Material
    from pipeline.feed.scaling import neutral_scaling
    from pipeline.learn.lessons import make_lesson
    from pipeline.settings.train import TrainSettings

    settings = TrainSettings(lanes=LANES, identity="none", patience=None)
    numbers = np.zeros(len(dataset.sequences), np.int32)
    material = Material(dataset, neutral_scaling(FEATURES, 1), numbers)
    return make_lesson(material, network, settings, seed=7)


def learner(scaling: Any) -> Any:
    from pipeline.learn.twin import Design, make_layers, make_networks

    design = Design(scaling, (-1,) * FEATURES, series=0, units=(64,), identity="none")
    return make_networks(make_layers(design), FEATURES).learner


def one_series() -> tuple[Any, Any]:
    import numpy as np

    random = np.random.default_rng(0)
    return random.normal(size=(STEPS, FEATURES)).astype(np.float32), random.normal(size=(STEPS, 1)).astype(
        np.float32
    )


def plain(*, stateful: bool = False) -> Any:
    import keras

    shape = (1, SEGMENT, FEATURES) if stateful else (None, WINDOW, FEATURES)
    inputs = keras.Input(batch_shape=shape)
    flow = keras.layers.LSTM(64, stateful=stateful, return_sequences=stateful)(inputs)
    network = keras.Model(inputs, keras.layers.Dense(1)(flow))
    network.compile("adam", "mae", jit_compile=False)
    return network


def windows_with_tensorboard(windows: int = 6_400) -> float:
    import keras
    import numpy as np

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
        return (time.perf_counter() - begun) / windows * TOTAL


def timeseries_dataset(windows: int = 12_800) -> float:
    import keras
    import numpy as np

    values, targets = (np.concatenate([part] * 2) for part in one_series())
    data = keras.utils.timeseries_dataset_from_array(
        values[: windows + WINDOW - 1], targets[WINDOW - 1 :][:windows], WINDOW, batch_size=256
    )
    network = plain()
    network.fit(data, epochs=1, verbose=0)
    begun = time.perf_counter()
    network.fit(data, epochs=1, verbose=0)
    return (time.perf_counter() - begun) / windows * TOTAL


def batch_one(calls: int = 1_500) -> float:
    values, targets = one_series()
    network = plain(stateful=True)
    parts = [slice(start, start + SEGMENT) for start in range(0, STEPS - SEGMENT, SEGMENT)]
    network.train_on_batch(values[None, parts[0]], targets[None, parts[0]])
    begun = time.perf_counter()
    for number in range(calls):
        part = parts[number % len(parts)]
        network.train_on_batch(values[None, part], targets[None, part])
    return (time.perf_counter() - begun) / (calls * SEGMENT) * TOTAL


# --- checkpoints ------------------------------------------------------------------------------------------------


def checkpoints(folder: Path, rounds: int) -> int:
    """Print what a checkpoint costs, and the share of a training's time at the default interval; 1 if above the floor."""
    import numpy as np

    from pipeline.feed.scaling import neutral_scaling
    from pipeline.learn.checkpoints import Checkpoints
    from pipeline.learn.history import Place
    from pipeline.learn.playing import inputs_for
    from pipeline.learn.starting import start_framework
    from pipeline.settings.train import TrainSettings
    from pipeline.store.reader import Dataset

    start_framework()
    interval = TrainSettings().checkpoint_every
    assert interval is not None
    assert not isinstance(interval, int)
    with Dataset(folder / "large/dataset.h5") as dataset:
        lesson = lesson_by_lanes(dataset, learner(neutral_scaling(FEATURES, 1)))
        first = lesson.epoch(0)[0]
    inputs = inputs_for(lesson.network, first)
    kept, costs = Checkpoints(folder / "checkpoints", {}, interval), []
    for number in range(rounds):
        lesson.network.train_on_batch(inputs, first.targets, first.weights)
        begun = time.perf_counter()
        kept.save(lesson.network, Place(batch=number))
        costs.append(time.perf_counter() - begun)
    kept.clear()
    cost = float(np.median(costs))
    seconds = interval.ns / 1e9
    print(f"a checkpoint: {1000 * cost:.1f} ms (slowest {1000 * max(costs):.1f}), one in {seconds:g} s")
    return told("share of a training's time, %", 100 * cost / (seconds + cost), DEAREST, above=False)


# --- error ------------------------------------------------------------------------------------------------------


def error(folder: Path, seconds: float) -> int:
    """Print the loss on validation after `seconds` of training by lanes and by windows; 1 if lanes are worse."""
    from pipeline.learn.starting import start_framework

    start_framework()
    found = {mode: trained_for(folder / "default", mode, seconds) for mode in ("stateful", "windows")}
    for mode, (loss, passes) in found.items():
        print(f"{mode:<10} {loss:.4f} on validation after {seconds:g} s of training, {passes:.2f} passes")
    return told("lanes / windows, validation", found["stateful"][0] / found["windows"][0], 1.0, above=False)


def trained_for(folder: Path, mode: str, seconds: float) -> tuple[float, float]:
    from pipeline.feed.batches import Material
    from pipeline.feed.scaling import read_scaling
    from pipeline.feed.series import series_numbers, series_of
    from pipeline.learn.lessons import make_lesson
    from pipeline.learn.reproducible import seed_everything
    from pipeline.learn.twin import Design, make_layers, make_networks
    from pipeline.settings.params import load_params
    from pipeline.store.reader import Dataset

    overrides = [f"train.mode={mode}", "train.batch_size=32"]
    params = load_params(folder / "params.yaml", overrides)
    with Dataset(folder / "data/dataset.h5") as dataset:
        known = series_of(dataset, "train")
        scaling = read_scaling(
            folder / "data/scaler.json", dataset.features, dataset.targets, dataset.fingerprint, known
        )
        seed_everything(params.seed)
        masks = tuple(int(mask) for mask in dataset.feature_masks)
        layers = make_layers(Design(scaling, masks, len(known), units=params.train.units))
        numbers = series_numbers(dataset.sequences, known, scaling.groups)
        material = Material(dataset, scaling, numbers)
        lesson = make_lesson(
            material, make_networks(layers, len(dataset.features)).learner, params.train, params.seed
        )
        played = spend(lesson, seconds)
        assert lesson.validate is not None
        return float(lesson.validate(0) or 0.0), played / lesson.batches


def spend(lesson: Any, seconds: float) -> int:
    """Train for so long, tracing left out; the number of batches."""
    from pipeline.learn.playing import inputs_for

    network = lesson.network
    begun, played = 0.0, 0
    for batch in endless(lesson):
        network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
        played += 1
        begun = begun or time.perf_counter()
        if time.perf_counter() - begun > seconds:
            return played
    return played


def endless(lesson: Any) -> Iterator[Any]:
    from pipeline.feed.ahead import read_ahead

    epoch = 0
    while True:
        yield from read_ahead(lesson.epoch(epoch))
        epoch += 1


if __name__ == "__main__":
    sys.exit(main())
