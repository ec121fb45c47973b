"""The time training waits for batches from the file, read ahead as `pipeline.learn.fitting.fit` does, and from memory.

python benchmarks/stream_stall.py windows|lanes DATA TURNS

Prints JSON: `stalls`, the share of each turn's time spent waiting for the next batch, without the first one; `slower`, how
much longer the turn took than one with batches from memory, which includes the processor time that reading takes from
training; `step` and `first`, seconds of a step from memory and of the first batch.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as in training
sys.path.insert(0, str(Path(__file__).parent.parent))

import keras

from hindcast.pipeline.feed.adapters.keras import KerasStream
from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.prefetch import read_ahead
from hindcast.pipeline.feed.streams import Lanes, Stream, Windows
from hindcast.pipeline.store.reader import Dataset

LANES, LOOKBACK, WINDOWS = 256, 168, 256
BATCHES = {"windows": 40, "lanes": 150}


class Some:
    """Return the first batches of a stream; with `held`, they are read beforehand and kept."""

    def __init__(self, stream: KerasStream, count: int, *, held: bool) -> None:
        self._stream, self._count = stream, count
        self._held = [stream[number] for number in range(count)] if held else None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Any:
        return self._stream[number] if self._held is None else self._held[number]


def main() -> None:
    mode, data, turns = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    network = _network(mode)
    with Dataset(data, 512 << 20) as dataset:  # 256 lanes read from as many chunks of 1 MiB at a time
        count = min(BATCHES[mode], len(_stream(mode, dataset)))
        held = Some(KerasStream(_stream(mode, dataset), ["inputs"]), count, held=True)
        _played(network, held)
        stalls, slower, times, firsts = [], [], [], []
        for turn in range(turns):
            spent = {}
            for kind in ("file", "memory") if turn % 2 else ("memory", "file"):
                fresh = Some(KerasStream(_stream(mode, dataset), ["inputs"]), count, held=False)
                first, waited, spent[kind] = _played(network, fresh if kind == "file" else held)
                if kind == "file":
                    stalls.append(waited / spent[kind])
                    firsts.append(first)
            slower.append(spent["file"] / spent["memory"] - 1)
            times.append(spent["memory"] / count)
    medians = {"step": statistics.median(times), "first": statistics.median(firsts)}
    print(json.dumps({"stalls": stalls, "slower": slower, **medians}))


def _played(network: Any, batches: Some) -> tuple[float, float, float]:
    """Train on all batches; return seconds of waiting for the first and for the others, and seconds since the first."""
    begin = asked = time.perf_counter()
    first = waited = 0.0
    for number, batch in enumerate(read_ahead(batches)):
        there = time.perf_counter()
        if number:
            waited += there - asked
        else:
            first, begin = there - asked, there
        network.train_on_batch(*batch)
        asked = time.perf_counter()
    return first, waited, asked - begin


def _stream(mode: str, dataset: Dataset) -> Stream:
    columns = Columns.whole(len(dataset.features), dataset.targets)
    if mode == "windows":
        return Windows(dataset, "train", WINDOWS, columns, lookback=LOOKBACK)
    return Lanes(dataset, "train", LANES, columns)


def _network(mode: str) -> Any:
    lanes = mode == "lanes"
    shape = (LANES, None, 17) if lanes else (WINDOWS, LOOKBACK, 17)
    inputs = keras.Input(batch_shape=shape, name="inputs")
    hidden = keras.layers.LSTM(64, return_sequences=lanes, stateful=lanes)(
        keras.layers.Rescaling(0.02)(inputs)
    )
    network = keras.Model({"inputs": inputs}, keras.layers.Dense(1)(hidden))
    network.compile("adam", "mae", jit_compile=False)
    return network


if __name__ == "__main__":
    main()
