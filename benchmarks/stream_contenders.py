"""One contender feeds batches for a while in a process of its own; prints seconds, rows and peak memory (kB) as JSON.

    python benchmarks/stream_contenders.py NAME DATA WORK SECONDS [option=value ...]

Each peer is written as its documentation advises, over a slice of the data where it cannot take all. What it prepares
beforehand (copies in its own format) and imports are not timed; opening the file is. A contender that would take longer
stops after SECONDS. Every batch is looked at, so that nothing lazy passes for done.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
sys.path.insert(0, str(Path(__file__).parent.parent))

import h5py
import hdf5plugin  # noqa: F401
import numpy as np

LOOKBACK, WINDOWS, SEGMENTS = 168, 256, 32  # rows a batch
SERIES_STEPS = 2_000

Batches = Iterator[Any]
Maker = Callable[[Path, Path, dict[str, str]], Callable[[], Iterable[Any]]]


def shard_of(data: Path) -> Path:
    return next((data.parent / "packed").glob("*.h5"))


def table(data: Path, series: int) -> tuple[np.ndarray, np.ndarray]:
    """X (steps, feature) and Y (steps) of the first so many series, in memory."""
    with h5py.File(shard_of(data)) as file:
        samples = series * SERIES_STEPS // file["X"].shape[1]
        x, y = file["X"][:samples], file["Y"][:samples]
    return x.reshape(-1, x.shape[2]), y.reshape(-1)


# --- segments ----------------------------------------------------------------------------------------------------


def textbook(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """Method 3: sorted random indices a batch, read by h5py."""

    def run() -> Batches:
        with h5py.File(shard_of(data)) as file:
            order = np.random.default_rng(0).permutation(file.attrs["sample_count"])
            for start in range(0, len(order), SEGMENTS):
                indices = np.sort(order[start : start + SEGMENTS])
                yield file["X"][indices], file["Y"][indices]

    return run


def whole_read(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """h5py reads and decodes X, Y and W once, in order, sixteen chunks at a time into arrays that are used again."""

    def run() -> Batches:
        with h5py.File(shard_of(data)) as file:
            count, step = len(file["X"]), 16 * file["X"].chunks[0]
            into = {name: np.empty((step, *file[name].shape[1:]), np.float32) for name in "XYW"}
            for start in range(0, count, step):
                stop = min(start + step, count)
                for name, values in into.items():
                    file[name].read_direct(values, np.s_[start:stop], np.s_[: stop - start])
                yield into["X"][: stop - start], into["Y"][: stop - start]

    return run


def block_shuffle(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """The naive one: read sixteen random chunks by h5py, mix them, cut batches."""

    def run() -> Batches:
        random = np.random.default_rng(0)
        with h5py.File(shard_of(data)) as file:
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

    from pipeline.feed.columns import Columns
    from pipeline.feed.segments import Segments
    from pipeline.store import decoding  # noqa: F401
    from pipeline.store.reader import Dataset

    def run() -> Batches:
        dataset, memory = _opened(Dataset, data, options)
        columns = Columns.whole(len(dataset.features), dataset.targets)
        stream = Segments(dataset, "train", SEGMENTS, columns, memory_bytes=memory)
        for number in range(len(stream)):
            inputs, targets, _ = stream[number]
            yield inputs["inputs"], targets["y"]

    return run


def _opened(dataset: Any, data: Path, options: dict[str, str]) -> tuple[Any, int]:
    """The data set and what the stream may hold, of a budget for both."""
    budget = int(options.get("budget", 128 << 20))
    threads = int(options["threads"]) if "threads" in options else None
    return dataset(data, budget // 4, threads), budget // 4 * 3


# --- windows -----------------------------------------------------------------------------------------------------


def strided(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """All in memory: windows as a view, those of a batch taken."""
    x, y = table(data, _series_of(data))
    ends = _ends(len(x))
    view = np.lib.stride_tricks.as_strided(x, (len(x), LOOKBACK * 17), x.strides, writeable=False)

    def run() -> Batches:
        order = np.random.default_rng(0).permutation(ends)
        for start in range(0, len(order), WINDOWS):
            rows = order[start : start + WINDOWS]
            yield view[rows - LOOKBACK + 1].reshape(-1, LOOKBACK, 17), y[rows]

    return run


def our_windows(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Iterable[Any]]:
    import pyarrow  # noqa: F401, ICN001

    from pipeline.feed.columns import Columns
    from pipeline.feed.window_stream import Windows
    from pipeline.store.reader import Dataset

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


def keras_timeseries(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """keras.utils.timeseries_dataset_from_array over one array, as in its documentation."""
    import keras

    x, y = table(data, 100)

    def run() -> Batches:
        made = keras.utils.timeseries_dataset_from_array(
            x[: -(LOOKBACK - 1)], y[LOOKBACK - 1 :], LOOKBACK, batch_size=WINDOWS, shuffle=True, seed=0
        )
        for inputs, targets in made:
            yield inputs.numpy(), targets.numpy()

    return run


def timeseries_generator(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """TimeseriesGenerator: one series held in memory, a Python loop over the batch's rows."""
    from keras.src.legacy.preprocessing.sequence import TimeseriesGenerator

    x, y = table(data, 100)

    def run() -> Batches:
        made = TimeseriesGenerator(x, y, LOOKBACK, batch_size=WINDOWS, shuffle=True)
        for number in range(len(made)):
            yield made[number]

    return run


def tfdata_window(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """tf.data: window(), flat_map, shuffle, batch, prefetch."""
    import tensorflow as tf

    x, y = table(data, 20)

    def run() -> Batches:
        steps = tf.data.Dataset.from_tensor_slices(x)
        windows = steps.window(LOOKBACK, shift=1, drop_remainder=True)
        windows = windows.flat_map(lambda one: one.batch(LOOKBACK, drop_remainder=True))
        targets = tf.data.Dataset.from_tensor_slices(y[LOOKBACK - 1 :])
        made = tf.data.Dataset.zip((windows, targets)).shuffle(10_000, seed=0).batch(WINDOWS)
        for inputs, wanted in made.prefetch(tf.data.AUTOTUNE):
            yield inputs.numpy(), wanted.numpy()

    return run


def tfdata_slices(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """tf.data: shuffled numbers, batches gathered from one tensor, two calls in parallel."""
    import tensorflow as tf

    x, y = table(data, 1000)
    ends = _ends(len(x))

    def run() -> Batches:
        steps, targets, back = tf.constant(x), tf.constant(y), tf.range(1 - LOOKBACK, 1)

        def cut(end: Any) -> Any:
            return tf.gather(steps, tf.cast(end, tf.int32)[:, None] + back), tf.gather(targets, end)

        made = tf.data.Dataset.from_tensor_slices(ends).shuffle(len(ends), seed=0).batch(WINDOWS)
        for inputs, wanted in made.map(cut, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE):
            yield inputs.numpy(), wanted.numpy()

    return run


def grain(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Batches]:
    """Google Grain: a random-access source, shuffle, batch, read by threads."""
    import grain.python as pygrain

    x, y = table(data, 1000)
    ends = _ends(len(x))

    class Source:
        def __len__(self) -> int:
            return len(ends)

        def __getitem__(self, number: Any) -> tuple[np.ndarray, np.float32]:
            end = ends[number]
            return x[end - LOOKBACK + 1 : end + 1], y[end]

    def run() -> Batches:
        made = pygrain.MapDataset.source(Source()).shuffle(seed=0).batch(WINDOWS)
        how = pygrain.ReadOptions(num_threads=int(options.get("threads", 2)), prefetch_buffer_size=64)
        yield from made.to_iter_dataset(how)

    return run


def mosaic(data: Path, work: Path, options: dict[str, str]) -> Callable[[], Batches]:
    """MosaicML Streaming: windows written as an MDS data set beforehand, read by torch's DataLoader."""
    _stand_in_for("torchvision", "transformers")
    from streaming import MDSWriter, StreamingDataset
    from streaming.base.util import clean_stale_shared_memory
    from torch.utils.data import DataLoader

    x, y = table(data, 6)
    folder, ends = work / "mds", _ends(len(x))
    if not folder.exists():
        form = {"x": f"ndarray:float32:{LOOKBACK},17", "y": "float32"}
        with MDSWriter(out=str(folder), columns=form) as writer:
            for end in ends:
                writer.write({"x": x[end - LOOKBACK + 1 : end + 1], "y": y[end]})
    clean_stale_shared_memory()

    def run() -> Batches:
        made = StreamingDataset(local=str(folder), shuffle=True, batch_size=WINDOWS, shuffle_seed=0)
        for batch in DataLoader(made, batch_size=WINDOWS, num_workers=int(options.get("workers", 0))):
            yield batch["x"].numpy(), batch["y"].numpy()

    return run


def torch_h5py(data: Path, _work: Path, options: dict[str, str]) -> Callable[[], Batches]:
    """PyTorch: a map data set that opens the file in each worker and slices it by h5py, a window an item."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    ends = _ends(_series_of(data) * SERIES_STEPS)

    class Windows(Dataset):
        file: Any = None

        def __len__(self) -> int:
            return len(ends)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            if self.file is None:
                self.file = h5py.File(shard_of(data))
            x, y = self.file["X"], self.file["Y"]
            end, length = int(ends[number]), x.shape[1]
            first, last = (end - LOOKBACK + 1) // length, end // length
            steps = x[first : last + 1].reshape(-1, 17)[(end - LOOKBACK + 1) - first * length :][:LOOKBACK]
            return torch.from_numpy(steps), y[last, end % length, 0]

    def run() -> Batches:
        torch.manual_seed(0)
        workers = int(options.get("workers", 0))
        for x, y in DataLoader(Windows(), batch_size=WINDOWS, shuffle=True, num_workers=workers):
            yield x.numpy(), y.numpy()

    return run


def xbatcher(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """xbatcher: overlapping batches of an xarray data set in memory; it cannot shuffle, so numbers are drawn."""
    import xarray
    import xbatcher as xb

    x, _ = table(data, 20)

    def run() -> Batches:
        array = xarray.DataArray(x, dims=("time", "feature"))
        made = xb.BatchGenerator(
            array, input_dims={"time": LOOKBACK, "feature": 17}, input_overlap={"time": LOOKBACK - 1}
        )
        order = np.random.default_rng(0).permutation(len(made))
        for start in range(0, len(order), WINDOWS):
            yield (np.stack([made[int(row)].to_numpy() for row in order[start : start + WINDOWS]]),)

    return run


def _series_of(data: Path) -> int:
    with h5py.File(shard_of(data)) as file:
        return int(file.attrs["step_count"]) // SERIES_STEPS


def _ends(steps: int) -> np.ndarray:
    """The last steps of all windows that lie inside one series."""
    every = np.arange(steps)
    return every[every % SERIES_STEPS >= LOOKBACK - 1]


def _stand_in_for(*packages: str) -> None:
    """MosaicML Streaming imports these for images and texts, which nobody here has: empty modules will do."""
    import importlib.abc
    import importlib.machinery
    import types

    class Empty(types.ModuleType):
        __path__: list[str] = []  # noqa: RUF012

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, name: str, *_: Any) -> Any:
            if name.split(".", maxsplit=1)[0] in packages:
                return importlib.machinery.ModuleSpec(name, self, is_package=True)
            return None

        def create_module(self, spec: Any) -> Any:
            return Empty(spec.name)

        def exec_module(self, module: Any) -> None:
            pass

    sys.meta_path.insert(0, Finder())


CONTENDERS: dict[str, Maker] = {
    "ours": our_segments, "whole_read": whole_read, "block_shuffle": block_shuffle, "textbook": textbook,
    "our_windows": our_windows, "strided": strided, "keras_timeseries": keras_timeseries,
    "timeseries_generator": timeseries_generator, "tfdata_window": tfdata_window, "tfdata_slices": tfdata_slices,
    "grain": grain, "mosaic": mosaic, "torch_h5py": torch_h5py, "xbatcher": xbatcher,
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps({"seconds": seconds, "rows": rows, "first": first, "peak": peak, "check": check}),
        flush=True,
    )
    os._exit(0)  # some leave threads and processes behind


if __name__ == "__main__":
    main()
