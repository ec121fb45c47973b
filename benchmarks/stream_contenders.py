"""One contender produces batches for a while in a separate process; prints seconds, rows and peak memory (kB) as JSON.

    python benchmarks/stream_contenders.py NAME DATA WORK SECONDS [option=value ...]

Each peer is written as its documentation advises, on a slice of the data if it cannot process all. Preparation (copies in
its own format) and imports are not timed; opening the file is. A contender that would take longer stops after SECONDS. Every
batch is accessed, so that lazy results are computed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
sys.path.insert(0, str(Path(__file__).parent.parent))

import h5py
import numpy as np

from benchmarks import stream_slices as slices
from benchmarks.peak_memory import peak_kilobytes
from benchmarks.stream_peers import PEERS
from benchmarks.stream_slices import LOOKBACK, SEGMENTS, WINDOWS, Batches, Maker

# --- segments ----------------------------------------------------------------------------------------------------


def textbook(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """Method 3: sorted random indices per batch, read with h5py."""

    def run() -> Batches:
        with h5py.File(slices.shard_of(data)) as file:
            order = np.random.default_rng(0).permutation(file.attrs["sample_count"])
            for start in range(0, len(order), SEGMENTS):
                indices = np.sort(order[start : start + SEGMENTS])
                yield file["X"][indices], file["Y"][indices]

    return run


def whole_read(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """h5py reads and decodes X, Y and W once, in order, sixteen chunks at a time into reused arrays."""

    def run() -> Batches:
        with h5py.File(slices.shard_of(data)) as file:
            count, step = len(file["X"]), 16 * file["X"].chunks[0]
            into = {name: np.empty((step, *file[name].shape[1:]), np.float32) for name in "XYW"}
            for start in range(0, count, step):
                stop = min(start + step, count)
                for name, values in into.items():
                    file[name].read_direct(values, np.s_[start:stop], np.s_[: stop - start])
                yield into["X"][: stop - start], into["Y"][: stop - start]

    return run


def block_shuffle(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """The naive way: read sixteen random chunks with h5py, mix them, cut batches."""

    def run() -> Batches:
        random = np.random.default_rng(0)
        with h5py.File(slices.shard_of(data)) as file:
            size, count = file["X"].chunks[0], len(file["X"])
            chunks = random.permutation(-(-count // size))
            for first in range(0, len(chunks), 16):
                parts = [slice(c * size, (c + 1) * size) for c in chunks[first : first + 16]]
                x, y = (np.concatenate([file[name][part] for part in parts]) for name in "XY")
                order = random.permutation(len(x))
                for start in range(0, len(order), SEGMENTS):
                    yield x[order[start : start + SEGMENTS]], y[order[start : start + SEGMENTS]]

    return run


def our_segments(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Iterable[Any]]:
    import pyarrow  # noqa: F401, ICN001

    from hindcast.pipeline.feed.columns import Columns
    from hindcast.pipeline.feed.streams import Segments
    from hindcast.pipeline.store import chunks  # noqa: F401
    from hindcast.pipeline.store.reader import Dataset

    def run() -> Batches:
        dataset, memory = _opened(Dataset, data, options)
        columns = Columns.whole(len(dataset.features), dataset.targets)
        stream = Segments(dataset, "train", SEGMENTS, columns, memory_bytes=memory)
        for number in range(len(stream)):
            inputs, targets, _ = stream[number]
            yield inputs["inputs"], targets["y"]

    return run


def our_reads(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Iterable[Any]]:
    """Decoding threads only: random order, as much at a time as a stream reads at once, without reading ahead."""
    import pyarrow  # noqa: F401, ICN001

    from hindcast.pipeline.feed.order import plan_shuffle
    from hindcast.pipeline.store.reader import Dataset

    def run() -> Batches:
        dataset, memory = _opened(Dataset, data, options)
        rows = memory // 2 // (4 * dataset.segment_length * (len(dataset.features) + 2))
        order = plan_shuffle(dataset.sample_count, dataset.chunk_samples, rows, 0, 0)
        for start in range(0, order.count, rows):
            samples = order.rows(start, start + rows)
            x, y, _ = (dataset.read(name, samples) for name in "XYW")
            yield x, y

    return run


def _opened(dataset: Any, data: Path, options: dict[str, str]) -> tuple[Any, int]:
    """Open the data set; return it and the stream's part of their common budget."""
    budget = int(options.get("budget", 128 << 20))
    threads = int(options["threads"]) if "threads" in options else None
    return dataset(data, budget // 4, threads), budget // 4 * 3


# --- windows -----------------------------------------------------------------------------------------------------


def strided(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """All in memory: windows as a view, of which each batch copies its own."""
    x, y = slices.table(data, slices.series_of(data))
    ends = slices.ends_of(len(x))
    view = np.lib.stride_tricks.as_strided(x, (len(x), LOOKBACK * 17), x.strides, writeable=False)

    def run() -> Batches:
        order = np.random.default_rng(0).permutation(ends)
        for start in range(0, len(order), WINDOWS):
            rows = order[start : start + WINDOWS]
            yield view[rows - LOOKBACK + 1].reshape(-1, LOOKBACK, 17), y[rows]

    return run


def our_windows(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Iterable[Any]]:
    import pyarrow  # noqa: F401, ICN001

    from hindcast.pipeline.feed.columns import Columns
    from hindcast.pipeline.feed.streams import Windows
    from hindcast.pipeline.store.reader import Dataset

    def run() -> Batches:
        dataset, memory = _opened(Dataset, data, options)
        columns = Columns.whole(len(dataset.features), dataset.targets)
        stream = Windows(
            dataset, "train", WINDOWS, columns, memory_bytes=memory, lookback=LOOKBACK, whole=True
        )
        for number in range(len(stream)):
            inputs, targets, _ = stream[number]
            yield inputs["inputs"], targets["y"]

    return run


CONTENDERS: dict[str, Maker] = PEERS | {
    "ours": our_segments, "our_reads": our_reads, "whole_read": whole_read, "block_shuffle": block_shuffle,
    "textbook": textbook, "our_windows": our_windows, "strided": strided,
}  # fmt: skip


def main() -> None:
    name, data, work, limit, *options = sys.argv[1:]
    run = CONTENDERS[name](Path(data), Path(work), dict(option.split("=") for option in options))
    rows, check, start = 0, 0.0, time.perf_counter()
    first = (0, 0.0)  # rows and seconds of the first batch
    for batch in run():
        rows += len(batch[0])
        check += float(batch[0][-1, -1, -1])
        seconds = time.perf_counter() - start
        first = (rows, seconds) if rows == len(batch[0]) else first
        if seconds - first[1] > float(limit):
            break
    seconds = time.perf_counter() - start
    peak = peak_kilobytes()
    print(
        json.dumps({"seconds": seconds, "rows": rows, "first": first, "peak": peak, "check": check}),
        flush=True,
    )
    os._exit(0)  # some contenders leave threads and processes running


if __name__ == "__main__":
    main()
