"""Method 5: the effect of carried state in figures: the published example, measured again.

1,000 sequences of 20 steps, zeros except for the first step, which is 1 in half of them; the label is that first value.
In sequences cut into two parts of 10 steps, the second parts are all alike without the state that the first part left.
LSTM(10), Dense(1, sigmoid), Adam, binary cross-entropy; tested on 200 sequences of another seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.learn.stateful import carry, make_online

STEPS, PART = 20, 10
SEQUENCES, HELD_OUT = 1000, 200
LANES = 50


@dataclass(frozen=True)
class Variant:
    """How a network is trained: steps seen at once, rows a batch, whether state is kept from part to part."""

    label: str
    published: str
    steps: int
    rows: int
    epochs: int
    rate: float
    carried: bool = False
    by_keras: bool = False  # Keras's own stateful layer, reset by hand: the published loop


VARIANTS = {
    "whole": Variant("whole sequences, no state", "1.00", STEPS, 10, 5, 0.01),
    "parts": Variant("cut in two, no state", "0.75", PART, 10, 15, 0.003),
    "batch 1": Variant(
        "cut in two, state carried, batch 1", "0.97 to 0.99", PART, 1, 5, 0.001, carried=True, by_keras=True
    ),
    "lanes": Variant(f"cut in two, state carried, {LANES} lanes", "", PART, LANES, 8, 0.02, carried=True),
}


@dataclass(frozen=True)
class Result:
    """Accuracy in training by epoch, accuracy on the held-out sequences, and the fastest pass in seconds."""

    training: tuple[float, ...]
    test: float
    seconds: float


def run(_: Path) -> list[str]:
    """The table, how much faster lanes are, and by how much rebuilt networks differ in their outputs. Writes nothing."""
    lines = [f"{'LSTM(10), Dense(1)':<40}{'published':>14}{'test':>8}{'s a pass':>10}  training, by epoch"]
    seconds, difference = {}, 0.0
    for name, variant in VARIANTS.items():
        result, network = run_variant(variant)
        seconds[name] = result.seconds
        difference = max(difference, max_output_difference(network))
        epochs = " ".join(f"{accuracy:.2f}" for accuracy in result.training)
        figures = f"{variant.published:>14}{result.test:>8.3f}{result.seconds:>10.3f}"
        lines.append(f"{variant.label:<40}{figures}  {epochs}")
    ratio = seconds["batch 1"] / seconds["lanes"]
    return [
        *lines,
        f"A pass by {LANES} lanes takes 1/{ratio:.0f} of the time of batch 1 (tracing left out).",
        f"Rebuilt for batch 1, step by step, and for 7 lanes: outputs differ by at most {difference:.1g}.",
    ]


def run_variant(variant: Variant, seed: int = 7) -> tuple[Result, Any]:
    """Train and test a variant; also the trained stateless network: `inputs` (batch, steps, 1) -> (batch, 1)."""
    keras.utils.set_random_seed(seed)
    network = trained = _network()
    if variant.by_keras:  # batch 1, with the same weights
        trained = _network(batch_shape=(1, PART, 1), stateful=True)
        trained.set_weights(network.get_weights())
    elif variant.carried:
        trained = carry(network, variant.rows)
    trained.compile(
        keras.optimizers.Adam(variant.rate), "binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    inputs, labels = make_sequences(SEQUENCES, seed=1)
    training, seconds = [], []
    for epoch in range(variant.epochs):
        order = np.random.default_rng([seed, epoch]).permutation(SEQUENCES)
        begun = time.perf_counter()
        hits = [
            trained.train_on_batch(batch, target, return_dict=True)["accuracy"]
            for batch, target in _batches(variant, inputs[order], labels[order], trained)
        ]
        seconds.append(time.perf_counter() - begun)
        training.append(float(np.mean(hits)))
    if variant.by_keras:
        network.set_weights(trained.get_weights())
    return Result(tuple(training), _accuracy(variant, trained), min(seconds)), network


def max_output_difference(network: Any, seed: int = 3) -> float:
    """How much the outputs of a trained network rebuilt for batch 1 and 7 with state differ from its own on whole sequences."""
    inputs, _ = make_sequences(7, seed)
    inputs += np.random.default_rng(seed).normal(0, 1, inputs.shape).astype(np.float32)
    whole = network.predict_on_batch({"inputs": inputs})
    online, lanes = make_online(network), carry(network, 7)
    difference = 0.0
    for row in range(7):
        for layer in online.layers:
            if isinstance(layer, keras.layers.RNN):
                layer.reset_state()
        for step in range(inputs.shape[1]):
            output = online.predict_on_batch({"inputs": inputs[row : row + 1, step : step + 1]})
        difference = max(difference, float(np.abs(output - whole[row]).max()))
    for part in (0, PART):
        keep = np.full((7, 1), part > 0, np.float32)
        output = lanes.predict_on_batch({"inputs": inputs[:, part : part + PART], "keep": keep})
    return max(difference, float(np.abs(output - whole).max()))


def make_sequences(count: int, seed: int) -> tuple[Values, Values]:
    """(count, 20, 1) inputs and (count, 1) labels, half of them 1, in an order drawn from the seed."""
    labels = np.random.default_rng(seed).permutation(np.arange(count) % 2).astype(np.float32)
    inputs = np.zeros((count, STEPS, 1), np.float32)
    inputs[:, 0, 0] = labels
    return inputs, labels[:, None]


def _network(batch_shape: tuple[int | None, ...] = (None, None, 1), *, stateful: bool = False) -> Any:
    inputs = keras.Input(batch_shape=batch_shape, name="inputs")
    flow = keras.layers.LSTM(10, stateful=stateful, name="recurrent")(inputs)
    return keras.Model({"inputs": inputs}, keras.layers.Dense(1, activation="sigmoid", name="head")(flow))


def _batches(
    variant: Variant, inputs: Values, labels: Values, network: Any
) -> Iterator[tuple[dict[str, Any], Values]]:
    """Blocks of sequences, part after part; without state the parts are rows like any others, in random order."""
    if not variant.carried:
        rows = inputs.reshape(-1, variant.steps, 1)
        targets = np.repeat(labels, STEPS // variant.steps, axis=0)
        order = np.random.default_rng(0).permutation(len(rows))
        for start in range(0, len(rows), variant.rows):
            chosen = order[start : start + variant.rows]
            yield {"inputs": rows[chosen]}, targets[chosen]
        return
    reset: Callable[[], None] = (
        network.get_layer("recurrent").reset_state if variant.by_keras else lambda: None
    )
    for start in range(0, len(inputs), variant.rows):
        reset()
        for part in range(0, STEPS, variant.steps):
            block = {"inputs": inputs[start : start + variant.rows, part : part + variant.steps]}
            if not variant.by_keras:
                block["keep"] = np.full((variant.rows, 1), part > 0, np.float32)
            yield block, labels[start : start + variant.rows]


def _accuracy(variant: Variant, network: Any) -> float:
    """The share of right labels on the held-out sequences."""
    inputs, labels = make_sequences(HELD_OUT, seed=2)
    hits = [
        ((np.asarray(network.predict_on_batch(batch)) > 0.5) == (target > 0.5)).mean()
        for batch, target in _batches(variant, inputs, labels, network)
    ]
    return float(np.mean(hits))
