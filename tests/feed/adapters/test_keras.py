"""A stream serves Keras's own `fit`: every epoch in its own order, the same numbers as our own loop."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.feed.adapters.keras import BatchStream, KerasStream
from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.streams import Lanes, Segments, Windows
from hindcast.pipeline.learn.losses import WeightedMean, inputs_for
from hindcast.pipeline.learn.modes import training_data
from tests.feed.memory import chronological, memory_source
from tests.learn.networks import batch_source_of, small_learner, small_settings, small_source, trainable


def compiled(network: keras.Model) -> keras.Model:
    network.compile(keras.optimizers.SGD(0.1), WeightedMean(small_settings(loss="mse")), jit_compile=False)
    return network


@pytest.mark.parametrize(
    ("mode", "names"), [("stateful", ("inputs", "series", "keep")), ("windows", ("inputs", "series"))]
)
def test_fit_over_a_stream_learns_what_a_loop_over_the_batches_learns(
    mode: str, names: tuple[str, ...]
) -> None:
    weights = []
    for by_fit in (True, False):
        training = training_data(
            batch_source_of(small_source()), small_learner(), small_settings(mode=mode), seed=2
        )
        network = compiled(training.network)
        if by_fit:
            network.fit(BatchStream(training.epoch, names), epochs=2, shuffle=False, verbose=0)
        for epoch in range(0 if by_fit else 2):
            batches = training.epoch(epoch)
            for number in range(len(batches)):
                batch = batches[number]
                network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
        weights.append(trainable(network))
    for found, wanted in zip(*weights, strict=True):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_a_stream_knows_its_length_and_continues_with_the_next_epoch() -> None:
    training = training_data(batch_source_of(small_source()), small_learner(), small_settings(), seed=2)
    stream = BatchStream(training.epoch, ("inputs", "identity"))
    assert len(stream) == len(training.epoch(0))
    first = stream[0][0]["identity"]
    assert np.array_equal(first, stream[0][0]["identity"])
    for _ in range(2):
        stream.on_epoch_begin()
    assert np.array_equal(stream[0][0]["identity"], training.epoch(1)[0].identity)
    assert not np.array_equal(first, stream[0][0]["identity"])


TWO = Columns({"history": (2,), "forecast": (0, 1)}, {"load": 0, "price": 1})


def two_headed(lookback: int) -> keras.Model:
    inputs = {name: keras.Input((lookback, len(places)), name=name) for name, places in TWO.inputs.items()}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    hidden = keras.layers.LSTM(4)(hidden)
    return keras.Model(inputs, {name: keras.layers.Dense(1, name=name)(hidden) for name in TWO.outputs})


def test_named_inputs_and_outputs_are_fed_by_their_names() -> None:
    source = chronological(memory_source([30, 22, 7], targets=2), {"train": (0, 60)})
    windows = Windows(source, "train", 8, TWO, seed=1, lookback=5)
    stream = KerasStream(windows)
    keras.utils.set_random_seed(1)
    network = two_headed(5)
    network.compile("adam", dict.fromkeys(TWO.outputs, "mse"), jit_compile=False)
    history = network.fit(stream, epochs=3, shuffle=False, verbose=0).history
    assert {"load_loss", "price_loss"} <= history.keys()
    assert np.isfinite(history["loss"]).all()
    steps = sum(len(weights["load"]) for _, _, weights in windows)
    predicted = network.predict(KerasStream(Windows(source, "train", 8, TWO, lookback=5)), verbose=0)
    assert {name: len(values) for name, values in predicted.items()} == {"load": steps, "price": steps}


@pytest.mark.parametrize("kind", [Segments, Lanes])
def test_a_network_of_one_output_takes_segments_and_lanes(kind: type[Segments | Lanes]) -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    stream = KerasStream(kind(source, "train", 4, Columns.whole(3, ["load"])), ["inputs"])
    network = keras.Sequential(
        [keras.Input((4, 3)), keras.layers.LSTM(3, return_sequences=True), keras.layers.Dense(1)]
    )
    network.compile("sgd", "mse", weighted_metrics=[], jit_compile=False)
    plain = KerasStream(kind(source, "train", 4, Columns.whole(3, ["load"])))
    assert set(plain[0][0]) >= {"inputs"}
    only = [
        (inputs["inputs"], targets, weights)
        for inputs, targets, weights in (stream[n] for n in range(len(stream)))
    ]
    assert all(weights.shape == targets.shape[:2] for _, targets, weights in only)
    network.fit(_Plain(stream), epochs=2, shuffle=False, verbose=0)


class _Plain(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """A stream whose one input is handed over without its name, as `Sequential` wants it."""

    def __init__(self, stream: KerasStream) -> None:
        super().__init__()
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, number: int) -> Any:
        inputs, targets, weights = self.stream[number]
        return inputs["inputs"], targets, weights


def test_each_epoch_has_its_own_order() -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    windows = Windows(source, "train", 8, Columns.whole(3, ["load"]), lookback=5)
    stream = KerasStream(windows)
    for epoch in range(3):
        stream.on_epoch_begin()
        np.testing.assert_array_equal(stream[0][0]["inputs"], windows.at(epoch)[0][0]["inputs"])


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_other_backends_of_keras_are_fed_too(backend: str, root: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    script = (
        "import keras\n"
        "from tests.feed.memory import chronological, memory_source\n"
        "from hindcast.pipeline.feed.columns import Columns\n"
        "from hindcast.pipeline.feed.adapters.keras import KerasStream\n"
        "from hindcast.pipeline.feed.streams import Windows\n"
        "source = chronological(memory_source([30, 22]), {'train': (0, 60)})\n"
        "stream = KerasStream(Windows(source, 'train', 8, Columns.whole(3, ['load']), lookback=5))\n"
        "inputs = keras.Input((5, 3), name='inputs')\n"
        "network = keras.Model({'inputs': inputs}, keras.layers.Dense(1)(keras.layers.LSTM(4)(inputs)))\n"
        "network.compile('adam', 'mse')\n"
        "assert network.fit(stream, epochs=2, shuffle=False, verbose=0).history['loss'][1] > 0\n"
        f"assert keras.backend.backend() == {backend!r}\n"
    )
    environment = os.environ | {"KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, env=environment)
