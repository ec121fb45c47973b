"""From raw files to the report at the size of method 1 (docs/methods.md), and method 1's own loop on a slice of the same data.

    make bench-whole                                            # 100 x 200 series of 84 days: half an hour, 12 GB of files
    make bench-whole ARGS="--games 10 --parts stages"           # a tenth
    make bench-whole ARGS="--folder /tmp/whole --parts loop"    # on the data of an earlier run

- stages: each stage as a process: seconds, processor time, and the largest resident set of its processes. One training pass.
- loop: one `fit` per customer on windows of a week, cut by a generator, 32 per batch, with validation data drained from a
  generator into arrays, and TensorBoard with histograms; median seconds per customer times the number of customers. Its data
  are read and scaled before the timing starts.
- changed: ingest to split again, in full and after a change in one group's file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.floors import check, stop_if_missed
from benchmarks.scale import SMALLEST, Run, measure, run_stage

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "pack", "split", "scale", "certify", "train", "evaluate")
DATA_STAGES = STAGES[:3]
SECONDS, PEAK, TIMES, CHANGED = 360.0, 3000.0, 70.0, 0.05
WINDOW, BATCH, VALIDATION = 168, 32, 0.1
CUSTOMERS = 12  # of the loop, after one that traces the network


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of the whole way at the size of method 1.")
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--days", type=int, default=84)
    parser.add_argument(
        "--parts", nargs="+", choices=["stages", "loop", "changed"], default=["stages", "loop", "changed"]
    )
    parser.add_argument(
        "--folder", type=Path, help="folder of the data, which are kept (default: a temporary folder)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-whole-") as temporary:
        folder = options.folder or Path(temporary)
        seconds = 0.0
        if "stages" in options.parts:
            seconds = measure_stages(folder, options)
        if "changed" in options.parts:
            measure_changed(folder)
        if "loop" in options.parts:
            # last: TensorFlow would count in the memory of processes that this one starts
            measure_loop(folder, options.games * options.customers, seconds)
    stop_if_missed()


def measure_stages(folder: Path, options: argparse.Namespace) -> float:
    """Print what each stage takes; return the seconds from ingest to evaluate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(params(options), encoding="utf-8")
    runs = [succeeded(folder, stage) for stage in ("simulate", *STAGES)]
    print(
        f"\n{options.games} groups x {options.customers} series x {options.days} days, {os.cpu_count()} cores"
    )
    print("| stage | s | s of CPU | peak, MB |\n| --- | --- | --- | --- |")
    for run in runs:
        print(f"| {run.stage} | {run.wall:.1f} | {run.cpu:.1f} | {run.peak:,.0f} |")
    seconds = sum(run.wall for run in runs[1:])
    peak = max(run.peak for run in runs[1:])
    print(
        f"ingest to evaluate: {seconds:.0f} s {check('whole way, ingest to evaluate', seconds, SECONDS, above=False, unit='s')}"
    )
    print(
        f"largest process: {peak:,.0f} MB {check('whole way, largest process', peak, PEAK, above=False, unit='MB')}"
    )
    return seconds


def params(options: argparse.Namespace) -> str:
    """Return params.yaml for the size, one pass in 256 lanes; the rest is the default."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    size = [f"simulate.{name}={getattr(options, name)}" for name in ("games", "customers", "days")]
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        composed = compose("config", overrides=[*size, "train.lanes=256", "train.epochs=1"])
    return OmegaConf.to_yaml(composed, resolve=False)


def succeeded(folder: Path, stage: str) -> Run:
    run = run_stage(folder, stage)
    if run is None:
        raise SystemExit(f"{stage} failed")
    return run


def measure_loop(folder: Path, customers: int, seconds: float) -> None:
    """Print the time of method 1's loop, extrapolated to all customers, relative to `seconds` (0: not measured)."""
    from hindcast.pipeline.learn.backend import start_framework

    start_framework()
    import keras

    times = []
    with tempfile.TemporaryDirectory() as logs:
        inputs = keras.Input((WINDOW, features_of(folder)))
        network = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.LSTM(64)(inputs)))
        network.compile("adam", "mae")
        for number, (values, targets) in enumerate(series_of(folder, CUSTOMERS + 1)):
            begin = time.perf_counter()
            fit_customer(network, values, targets, str(Path(logs) / str(number)))
            times.append(time.perf_counter() - begin)
    each = statistics.median(times[1:])
    total = each * customers
    print(f"\nmethod 1's loop: {each:.2f} s per customer, {total / 3600:.1f} h for {customers:,} customers")
    if seconds:
        print(
            f"relative to ingest to evaluate: {total / seconds:.0f} x {check('whole way, loop of method 1', total / seconds, TIMES)}"
        )


def features_of(folder: Path) -> int:
    from hindcast import Dataset

    with Dataset(folder / "data/dataset.h5") as dataset:
        return len(dataset.features)


def series_of(folder: Path, count: int) -> Iterator[tuple[Any, Any]]:
    """Yield X (steps, features) and Y (steps, 1) of the first series, scaled; missing values are 0."""
    from hindcast import Dataset

    with Dataset(folder / "data/dataset.h5") as dataset:
        table = dataset.sequences
        first = (
            np.flatnonzero((table.series[1:] != table.series[:-1]) | (table.group[1:] != table.group[:-1]))
            + 1
        )
        bounds = [0, *first.tolist(), len(table)]
        for start, end in pairwise(bounds[: count + 1]):
            last = table.first_sample[end - 1] + table.sample_count[end - 1]
            samples = np.arange(table.first_sample[start], last)
            yield tuple(
                scaled(dataset.read(name, samples).reshape(len(samples) * dataset.segment_length, -1))
                for name in "XY"
            )


def scaled(values: Any) -> Any:
    with np.errstate(invalid="ignore"):
        spread = np.nanstd(values, axis=0)
        values = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    return np.nan_to_num(values).astype(np.float32)


def fit_customer(network: Any, values: Any, targets: Any, logs: str) -> None:
    """Fit one customer as method 1 does: windows cut as they are needed, the tail drained into arrays for validation."""
    import keras

    ends = np.arange(WINDOW, len(values) + 1)
    cut = round(len(ends) * (1 - VALIDATION))
    order = np.random.default_rng(0).permutation(ends[:cut])

    def windows(chosen: Any) -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            yield np.stack([values[end - WINDOW : end] for end in batch]), targets[batch - 1]

    drained = [np.concatenate(part) for part in zip(*windows(ends[cut:]), strict=True)]
    board = keras.callbacks.TensorBoard(logs, histogram_freq=1)
    network.fit(
        windows(order), steps_per_epoch=-(-len(order) // BATCH), validation_data=tuple(drained),
        epochs=1, verbose=0, callbacks=[board],
    )  # fmt: skip


def measure_changed(folder: Path) -> None:
    """Print what a change in one group's largest file costs in ingest to split, as a share of a full run.

    Both are without the start-up, which is what the stages take on the smallest data set.
    """
    files = sorted((folder / "data/simulated").glob("*/*.csv"), key=lambda file: (file.stat().st_size, file))
    file, before = files[-1], files[-1].read_bytes()
    with tempfile.TemporaryDirectory() as temporary:
        start = sum(run.wall for run in measure(Path(temporary), SMALLEST, len(DATA_STAGES)).values())
    shutil.rmtree(folder / ".hindcast", ignore_errors=True)
    time.sleep(3)  # digests of files just written are not trusted
    full = seconds_of(folder)
    lines = before.splitlines(keepends=True)
    lines[7] = lines[7].rpartition(b",")[0] + b",1.5\n"
    file.write_bytes(b"".join(lines))
    changed = seconds_of(folder)
    file.write_bytes(before)
    share = (changed - start) / (full - start)
    print(
        f"\nstart-up {start:.1f} s, everything {full:.1f} s, one of {len({f.parent for f in files})} groups changed {changed:.1f} s"
    )
    print(
        f"beyond start-up: {share:.1%} {check('whole way, one group changed, ingest to split', share, CHANGED, above=False)}"
    )


def seconds_of(folder: Path) -> float:
    return sum(succeeded(folder, stage).wall for stage in DATA_STAGES)


if __name__ == "__main__":
    main()
