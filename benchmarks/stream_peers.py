"""Peers that make shuffled windows of 168 x 17 in batches of 256, each written as its documentation advises."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks import stream_slices as slices
from benchmarks.stream_slices import LOOKBACK, SERIES_STEPS, WINDOWS, Batches, Maker


def keras_timeseries(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """keras.utils.timeseries_dataset_from_array over one array, as in its documentation."""
    import keras

    x, y = slices.table(data, 100)

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

    x, y = slices.table(data, 100)

    def run() -> Batches:
        made = TimeseriesGenerator(x, y, LOOKBACK, batch_size=WINDOWS, shuffle=True)
        for number in range(len(made)):
            yield made[number]

    return run


def tfdata_window(data: Path, _work: Path, _options: dict[str, str]) -> Callable[[], Batches]:
    """tf.data: window(), flat_map, shuffle, batch, prefetch."""
    import tensorflow as tf

    x, y = slices.table(data, 20)

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

    x, y = slices.table(data, 1000)
    ends = slices.ends_of(len(x))

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

    x, y = slices.table(data, 1000)
    ends = slices.ends_of(len(x))

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

    x, y = slices.table(data, 6)
    folder, ends = work / "mds", slices.ends_of(len(x))
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
    """PyTorch: a map data set that opens the file in each worker and slices it with h5py, one window per item."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    ends = slices.ends_of(slices.series_of(data) * SERIES_STEPS)

    class Windows(Dataset):  # type: ignore[misc]
        file: Any = None

        def __len__(self) -> int:
            return len(ends)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            if self.file is None:
                self.file = h5py.File(slices.shard_of(data))
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
    """xbatcher: overlapping batches of an xarray data set in memory; it cannot shuffle, so batches are selected at random."""
    import xarray
    import xbatcher as xb

    x, _ = slices.table(data, 20)

    def run() -> Batches:
        array = xarray.DataArray(x, dims=("time", "feature"))
        made = xb.BatchGenerator(
            array, input_dims={"time": LOOKBACK, "feature": 17}, input_overlap={"time": LOOKBACK - 1}
        )
        order = np.random.default_rng(0).permutation(len(made))
        for start in range(0, len(order), WINDOWS):
            yield (np.stack([made[int(row)].to_numpy() for row in order[start : start + WINDOWS]]),)

    return run


def _stand_in_for(*packages: str) -> None:
    """MosaicML Streaming imports these for images and texts, which are not installed here: empty modules suffice."""
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


PEERS: dict[str, Maker] = {
    "keras_timeseries": keras_timeseries, "timeseries_generator": timeseries_generator,
    "tfdata_window": tfdata_window, "tfdata_slices": tfdata_slices, "grain": grain, "mosaic": mosaic,
    "torch_h5py": torch_h5py, "xbatcher": xbatcher,
}  # fmt: skip
