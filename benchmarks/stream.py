"""Streams compared with other ways to feed networks from the same data: segments, windows, threads, memory, repeated reads, waiting of `fit`.

    make bench-stream                                  # everything; some minutes, 2 GB of temporary files
    make bench-stream ARGS="windows --repeat 5"        # one part
    make bench-stream ARGS="segments --steps 2000000"  # less data

Data are generated from a seed in a temporary folder: 10 million steps of 17 features, 5,000 series, zstd. Every measurement
runs in a separate process and starts after the imports, with the file in the system's cache. Contenders take turns, and
ratios are medians over the turns. A peer that is not installed is named and left out. The exit code is 1 if a floor is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import stream_data
from benchmarks.floors import check, record, stop_if_missed

PEERS = {  # of windows: what it is called, options
    "keras.utils.timeseries_dataset_from_array": ("keras_timeseries", ()),
    "TimeseriesGenerator (one series in memory)": ("timeseries_generator", ()),
    "tf.data window()": ("tfdata_window", ()),
    "tf.data, batches gathered": ("tfdata_slices", ()),
    "Google Grain": ("grain", ()),
    "MosaicML Streaming": ("mosaic", ()),
    "MosaicML Streaming, 2 workers": ("mosaic", ("workers=2",)),
    "PyTorch DataLoader over h5py": ("torch_h5py", ()),
    "PyTorch DataLoader over h5py, 2 workers": ("torch_h5py", ("workers=2",)),
    "xbatcher": ("xbatcher", ()),
}
MEGABYTE = 1_000_000
STALL = 0.03
GROWTH = 2.0  # percent
_MODEST = (
    f"budget={64 << 20}",
)  # mixes about as many chunks at a time as the naive block shuffle it is compared with


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of streams.")
    parts: dict[str, Callable[[argparse.Namespace, Path], None]] = {
        "segments": segments, "windows": windows, "memory": memory, "reads": reads, "order": order,
        "stall": stall,
    }  # fmt: skip
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="the parts to run (default: all)")
    parser.add_argument("--steps", type=int, default=10_000_000, help="steps of the data")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of each contender")
    parser.add_argument("--seconds", type=float, default=5, help="time after which a slow contender stops")
    parser.add_argument("--reads", type=int, default=50, help="repeated reads in one process")
    parser.add_argument("--folder", help="folder of the data, which are kept (default: a temporary folder)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(prefix="bench-stream-") as temporary:
        folder = Path(options.folder or temporary)
        if not (folder / "dataset.h5").exists():
            stream_data.make(folder, options.steps // stream_data.STEPS)
        size = (folder / "packed/bench.h5").stat().st_size / MEGABYTE
        print(f"{options.steps:,} steps of 17 features, {size:.0f} MB as zstd")
        for name in options.parts or list(parts):
            parts[name](options, folder)
    stop_if_missed()


def segments(options: argparse.Namespace, folder: Path) -> None:
    print("\nSegments of 25 x 17, shuffled, batches of 32, cold process: samples/s")
    contenders: dict[str, tuple[str, tuple[str, ...]]] = {
        "hindcast": ("ours", _MODEST),
        "h5py, whole file once, in order": ("whole_read", ()),
        "naive block shuffle by h5py": ("block_shuffle", ()),
        "textbook generator": ("textbook", ()),
    }
    rates = _in_turns(contenders, options, folder)
    floors = {"textbook generator": 200, "h5py, whole file once, in order": 1.2}
    _table(rates, floors)
    print(
        "\nThe same data read in random order, without reading ahead: samples/s with 2 decoding threads, and relative to 1"
    )
    two: dict[str, tuple[str, tuple[str, ...]]] = {
        "2 decoding threads": ("our_reads", (*_MODEST, "threads=2"))
    }
    one: dict[str, tuple[str, tuple[str, ...]]] = {
        "1 decoding thread": ("our_reads", (*_MODEST, "threads=1"))
    }
    _table(_in_turns(two | one, options, folder), {"1 decoding thread": 1.0})


def windows(options: argparse.Namespace, folder: Path) -> None:
    """Measure windows. Timing starts at the first batch for peers, so without filling buffers; for hindcast at opening the file."""
    print("\nWindows of 168 x 17, shuffled over all sequences, batches of 256: windows/s")
    contenders = {
        "hindcast, from the file": ("our_windows", ()),
        "as_strided + take, in memory": ("strided", ()),
    }
    rates = _in_turns(contenders | PEERS, options, folder)
    floors = dict.fromkeys(PEERS, 1.0) | {"as_strided + take, in memory": 0.7}
    _table(rates, floors)


def memory(options: argparse.Namespace, folder: Path) -> None:
    """Measure peak resident memory of a whole process, interpreter and libraries included."""
    raw = options.steps * stream_data.FEATURES * 4
    budget = raw // 20
    print(f"\nPeak memory over a file of {raw / MEGABYTE:.0f} MB decoded, budget {budget / MEGABYTE:.0f} MB")
    for name in ("ours", "our_windows"):
        found = _measured(name, folder, 60, (f"budget={budget}",))
        if found is not None:
            peak, most = found["peak"] * 1.024e3 / MEGABYTE, budget / MEGABYTE + 300
            rate = found["rows"] / found["seconds"]
            print(
                f"  {name:12} {peak:6.0f} MB, {rate:,.0f} rows/s {check(f'stream, peak memory, {name}', peak, most, above=False, unit='MB')}"
            )


def reads(options: argparse.Namespace, folder: Path) -> None:
    """Measure the growth of memory over repeated reads in one process. The first ones fill the allocator's pools."""
    done = _done("stream_reads.py", folder / "dataset.h5", options.reads)
    if done.returncode:
        raise SystemExit(f"reads failed:\n{done.stderr}")
    resident = json.loads(done.stdout.splitlines()[-1])["resident"]
    third = max(1, len(resident) // 3)
    early, late = (statistics.median(part) for part in (resident[third : 2 * third], resident[-third:]))
    growth = 100 * (late - early) / early
    floor = check("stream, growth of memory over repeated reads", growth, GROWTH, above=False, unit="%")
    print(
        f"\nOpened, read and closed {len(resident)} times: {early / MEGABYTE:.1f} MB in the second third of the reads,"
        f" {late / MEGABYTE:.1f} MB in the last, {growth:+.2f} % {floor}"
    )


def order(options: argparse.Namespace, _folder: Path) -> None:
    """Measure how far samples move and how much neighbours are correlated."""
    from benchmarks.stream_order import measure_quality
    from hindcast.pipeline.feed.order import plan_shuffle

    count = options.steps // stream_data.SEGMENT
    print(
        f"\nOrder of {count:,} segments: mean distance moved as a share of all (random: 0.333), correlation of neighbours"
    )
    for name, pool in (("all in memory", count), ("48 MB per pool", 28_000), ("16 MB per pool", 9_400)):
        found = measure_quality(plan_shuffle(count, 616, pool, 0, 0))
        print(
            f"  {name:14} {found.travelled:.3f}  {found.neighbours:+.3f}  within 64 rows: {found.same_block:.2%}"
        )


def stall(options: argparse.Namespace, folder: Path) -> None:
    """Measure the share of training time spent waiting for the next batch: median and worst repetition."""
    print(
        "\nTraining an LSTM(64) from the file: time spent waiting for batches, and whole turns compared with batches from memory"
    )
    for mode in ("windows", "lanes"):
        done = _done("stream_stall.py", mode, folder / "dataset.h5", 2 * options.repeat + 1)
        if done.returncode:
            raise SystemExit(f"{mode} failed:\n{done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        share = statistics.median(found["stalls"])
        low, middle, high = statistics.quantiles(found["slower"], n=4)
        print(
            f"  {mode:8} waits {share:5.2%} (at most {max(found['stalls']):.2%}) of a step of {found['step'] * 1e3:.1f} ms"
            f" {check(f'stream, share of training spent waiting, {mode}', share, STALL, above=False)}; {middle:+.1%} ({low:+.1%} to {high:+.1%}) compared with memory"
        )


def _in_turns(
    contenders: dict[str, tuple[str, tuple[str, ...]]], options: argparse.Namespace, folder: Path
) -> dict[str, list[float]]:
    """Measure rows per second of each contender, one figure per turn; contenders that cannot run are named and left out."""
    rates: dict[str, list[float]] = {label: [] for label in contenders}
    for _ in range(options.repeat):
        for label, (name, how) in contenders.items():
            found = _measured(name, folder, options.seconds, how) if rates[label] is not None else None
            if found is not None:
                rows, seconds = found["first"] if label in PEERS else (0, 0)
                rates[label].append((found["rows"] - rows) / (found["seconds"] - seconds))
    return {label: found for label, found in rates.items() if found}


def _measured(name: str, folder: Path, seconds: float, how: tuple[str, ...]) -> dict[str, Any] | None:
    done = _done("stream_contenders.py", name, folder / "dataset.h5", folder, seconds, *how)
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        print(f"  {name} left out: {why}")
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _done(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one of the programs in this folder in a separate process; return the completed process."""
    command = [sys.executable, str(Path(__file__).with_name(program)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _table(rates: dict[str, list[float]], floors: dict[str, float]) -> None:
    """Print each contender's median and the median, over the turns, of hindcast's rate relative to it."""
    ours = next(iter(rates.values()))
    for label, found in rates.items():
        ratio = statistics.median(own / other for own, other in zip(ours, found, strict=False))
        comparison = "" if found is ours else f"   {ratio:7.2f} x {_compare(label, ratio, floors)}"
        print(f"  {label:42} {statistics.median(found):12,.0f}{comparison}")


def _compare(label: str, ratio: float, floors: dict[str, float]) -> str:
    """Return the verdict on the rate relative to a peer, if that has a floor; keep the figure either way."""
    what = f"stream, rate relative to {label}"
    if label in floors:
        return check(what, ratio, floors[label])
    record(what, ratio)
    return ""


if __name__ == "__main__":
    main()
