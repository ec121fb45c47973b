"""What carried state is worth, in figures: the published example, measured anew.

1,000 sequences of 20 steps, zeros but for the first step, which is 1 in half of them; the label is that first value.
Cut in two parts of 10, the second part of a 1-sequence cannot be told from one of a 0-sequence without the state that
the first part left. LSTM(10), Dense(1, sigmoid), Adam, binary cross-entropy; tested on 200 sequences of another seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hindcast.pipeline.learn.stateful import carry, make_online

STEPS, PART = 20, 10
SEQUENCES, HELD_OUT = 1000, 200
LANES = 50
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One way of training: accuracy in training by epoch, in the test at the end, seconds a pass without tracing."""

    what: str
    published: str
    training: tuple[float, ...]
    test: float
    seconds: float


@dataclass(frozen=True)
class Way:
    """How a network is trained: the steps it sees at once, rows a batch, whether state is kept from part to part."""

    what: str
    published: str
    steps: int
    rows: int
    epochs: int
    rate: float
    carried: bool = False
    by_keras: bool = False  # Keras's own stateful layer, reset by hand: the published loop


WAYS = {
    "whole": Way("whole sequences, no state", "1.00", STEPS, 10, 5, 0.01),
    "parts": Way("cut in two, no state", "0.75", PART, 10, 15, 0.003),
    "batch 1": Way(
        "cut in two, state carried, batch 1", "0.97 to 0.99", PART, 1, 5, 0.001, carried=True, by_keras=True
    ),
    "lanes": Way(f"cut in two, state carried, {LANES} lanes", "", PART, LANES, 8, 0.02, carried=True),
}


def measured(way: Way, seed: int = 7) -> tuple[Measured, Any]:
    """Train as `way` says and test; also the trained stateless network: `inputs` (batch, steps, 1) -> (batch, 1)."""
    keras.utils.set_random_seed(seed)
    network = _network()
    player = _stateful(network) if way.by_keras else carry(network, way.rows) if way.carried else network
    player.compile(
        keras.optimizers.Adam(way.rate), "binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    inputs, labels = sequences(SEQUENCES, seed=1)
    training, seconds = [], []
    for epoch in range(way.epochs):
        order = np.random.default_rng([seed, epoch]).permutation(SEQUENCES)
        begun = time.perf_counter()
        hits = [
            player.train_on_batch(batch, target, return_dict=True)["accuracy"]
            for batch, target in _batches(way, inputs[order], labels[order], player)
        ]
        seconds.append(time.perf_counter() - begun)
        training.append(float(np.mean(hits)))
    if way.by_keras:
        network.set_weights(player.get_weights())
    return Measured(way.what, way.published, tuple(training), _tested(way, player), min(seconds)), network


def twin_differs_by(network: Any, seed: int = 3) -> float:
    """By how much a trained network, rebuilt for batch 1 and 7 with state, differs from itself on whole sequences."""
    inputs, _ = sequences(7, seed)
    inputs += np.random.default_rng(seed).normal(0, 1, inputs.shape).astype(np.float32)
    whole = network.predict_on_batch({"inputs": inputs})
    online, lanes = make_online(network), carry(network, 7)
    worst = 0.0
    for row in range(7):
        for layer in online.layers:
            if isinstance(layer, keras.layers.RNN):
                layer.reset_state()
        for step in range(inputs.shape[1]):
            found = online.predict_on_batch({"inputs": inputs[row : row + 1, step : step + 1]})
        worst = max(worst, float(np.abs(found - whole[row]).max()))
    for part in (0, PART):
        keep = np.full((7, 1), part > 0, np.float32)
        found = lanes.predict_on_batch({"inputs": inputs[:, part : part + PART], "keep": keep})
    return max(worst, float(np.abs(found - whole).max()))


def sequences(count: int, seed: int) -> tuple[Values, Values]:
    """(count, 20, 1) inputs and (count, 1) labels, half of them 1, in an order drawn from the seed."""
    labels = np.random.default_rng(seed).permutation(np.arange(count) % 2).astype(np.float32)
    inputs = np.zeros((count, STEPS, 1), np.float32)
    inputs[:, 0, 0] = labels
    return inputs, labels[:, None]


def _network() -> Any:
    inputs = keras.Input((None, 1), name="inputs")
    flow = keras.layers.LSTM(10, name="recurrent")(inputs)
    return keras.Model({"inputs": inputs}, keras.layers.Dense(1, activation="sigmoid", name="head")(flow))


def _stateful(network: Any) -> Any:
    inputs = keras.Input(batch_shape=(1, PART, 1), name="inputs")
    flow = keras.layers.LSTM(10, stateful=True, name="recurrent")(inputs)
    player = keras.Model({"inputs": inputs}, keras.layers.Dense(1, activation="sigmoid", name="head")(flow))
    player.set_weights(network.get_weights())
    return player


def _batches(
    way: Way, inputs: Values, labels: Values, player: Any
) -> Iterator[tuple[dict[str, Any], Values]]:
    """Blocks of sequences, part after part; without state the parts are rows like any others, in random order."""
    if not way.carried:
        rows = inputs.reshape(-1, way.steps, 1)
        targets = np.repeat(labels, STEPS // way.steps, axis=0)
        order = np.random.default_rng(0).permutation(len(rows))
        for start in range(0, len(rows), way.rows):
            chosen = order[start : start + way.rows]
            yield {"inputs": rows[chosen]}, targets[chosen]
        return
    forget: Callable[[], None] = player.get_layer("recurrent").reset_state if way.by_keras else lambda: None
    for start in range(0, len(inputs), way.rows):
        forget()
        for part in range(0, STEPS, way.steps):
            block = {"inputs": inputs[start : start + way.rows, part : part + way.steps]}
            if not way.by_keras:
                block["keep"] = np.full((way.rows, 1), part > 0, np.float32)
            yield block, labels[start : start + way.rows]


def _tested(way: Way, player: Any) -> float:
    inputs, labels = sequences(HELD_OUT, seed=2)
    hits = [
        ((np.asarray(player.predict_on_batch(batch)) > 0.5) == (target > 0.5)).mean()
        for batch, target in _batches(way, inputs, labels, player)
    ]
    return float(np.mean(hits))
