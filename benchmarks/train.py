"""One pass over two million steps of 17 features with an LSTM(64): lanes beside the ways in use, and beside the limit.

    make bench-train                                          # all of it, in a temporary folder of 1 GB
    make bench-train ARGS="--folder /tmp/bench --only prepare"  # then: --only speed, --only error

speed: seconds a pass, without tracing.  `lanes`: 256 lanes of 24 steps, streamed from the data set.  `limit`: the same
network fed one constant batch from memory.  `windows + TensorBoard`: `fit` on windows of 168 steps, 32 a batch, cut by a
generator from one series in memory, with TensorBoard.  `timeseries_dataset`: `fit` over Keras's
`timeseries_dataset_from_array`, 256 windows a batch.  `batch 1`: a stateful layer and `train_on_batch`, 24 steps a call.
The last three play a slice; a pass is extrapolated by its steps.
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
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark of training.")
    parser.add_argument(
        "--folder", type=Path, help="where the data are made, and kept; a temporary folder if left out"
    )
    parser.add_argument("--only", choices=["prepare", "speed", "error"], help="one part (with --folder)")
    parser.add_argument("--seconds", type=float, default=60, help="of training, for error")
    options = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-train-") as temporary:
        folder = options.folder or Path(temporary)
        if options.only in {None, "prepare"}:
            prepare(folder)
        if options.only in {None, "speed"}:
            missed += speed(folder)
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


def speed(folder: Path) -> int:
    """Print seconds a pass of each way; the number of floors missed."""
    from pipeline.learn.starting import start_framework

    print(f"{TOTAL:,} steps x {FEATURES} features, LSTM(64), on {start_framework()}")
    lanes, limit = lanes_and_limit(folder / "large/dataset.h5")
    others = {
        "windows + TensorBoard": windows_with_tensorboard(),
        "timeseries_dataset": timeseries_dataset(),
        "batch 1": batch_one(),
    }
    print(f"{'way':<24}{'s a pass':>12}{'steps/s':>12}{'times lanes':>14}")
    for name, seconds in {"lanes": lanes, "limit": limit, **others}.items():
        print(f"{name:<24}{seconds:>12.2f}{TOTAL / seconds:>12,.0f}{seconds / lanes:>14.2f}")
    missed = 0
    for name, floor in FLOORS.items():
        missed += told(f"{name} / lanes", others[name] / lanes, floor, above=True)
    return missed + told("lanes / limit", lanes / limit, LIMIT, above=False)


def told(what: str, value: float, floor: float, *, above: bool) -> int:
    held = value >= floor if above else value <= floor
    print(
        f"{what}: {value:.2f}, {'at least' if above else 'at most'} {floor:g} is wanted: {'held' if held else 'MISSED'}"
    )
    return int(not held)


def lanes_and_limit(path: Path) -> tuple[float, float]:
    """Passes of both, in turns so that a machine's moods hit both; the fastest of each."""
    import numpy as np

    from pipeline.feed.ahead import read_ahead
    from pipeline.feed.batches import Material
    from pipeline.feed.scaling import neutral_scaling
    from pipeline.learn.lessons import make_lesson
    from pipeline.learn.playing import inputs_for
    from pipeline.settings.train import TrainSettings
    from pipeline.store.reader import Dataset

    settings = TrainSettings(lanes=LANES, identity="none", patience=None)
    with Dataset(path) as dataset:
        scaling = neutral_scaling(FEATURES, 1)
        material = Material(dataset, scaling, np.zeros(len(dataset.sequences), np.int32))
        lesson = make_lesson(material, learner(scaling), settings, seed=7)
        network, first = lesson.network, lesson.epoch(0)[0]
        network.train_on_batch(inputs_for(network, first), first.targets, first.weights)
        passes: dict[str, list[float]] = {"lanes": [], "limit": []}
        for epoch in range(3):
            batches, guard = lesson.epoch(epoch), lesson.guard()
            begun = time.perf_counter()
            for batch in read_ahead(batches):
                guard.check(batch.identity, batch.keep)
                float(network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights))
            passes["lanes"].append(time.perf_counter() - begun)
            inputs, begun = inputs_for(network, first), time.perf_counter()
            for _ in range(len(batches)):
                float(network.train_on_batch(inputs, first.targets, first.weights))
            passes["limit"].append(time.perf_counter() - begun)
    return min(passes["lanes"]), min(passes["limit"])


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
