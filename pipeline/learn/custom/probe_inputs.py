"""Synthetic inputs and weights on which a network is run before it is trained, and its state restored afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

ROWS = 3


@contextmanager
def restored_state(*networks: Any) -> Iterator[None]:
    """Restore all variables at the end, and the generators that Keras takes new seeds from.

    With recurrent_dropout, Keras advances its generators even where nothing is dropped; they are variables too.
    """
    variables = {id(variable): variable for network in networks for variable in network.variables}
    before = {key: _array(variable) for key, variable in variables.items()}
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the one that others may draw from)
    try:
        yield
    finally:
        for key, variable in variables.items():
            variable.assign(before[key])
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def draw_weights(network: Any, draw: int) -> None:
    """Change each trained weight by enough to make visible what passes through it.

    A layer whose weights are 0 hides the layers before it. The same draw gives the same numbers; constraints hold
    afterwards.
    """
    generator = np.random.default_rng(draw)
    for weight in network.trainable_weights:
        shape = tuple(weight.shape)
        spread = max(0.1, float(np.prod(shape[:-1])) ** -0.5) if len(shape) > 1 else 0.3
        value = np.float32(_array(weight)) + generator.normal(0, spread, shape).astype(np.float32)
        weight.assign(value)
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight))


def synthetic_inputs(network: Any, steps: int, series: int = 0, draw: int = 0) -> dict[str, Any]:
    """Inputs of ROWS rows by name: features around 0 once scaled (further away with another draw), some missing.

    The rows are of different series, among them the last of 1..`series` and one never seen (0).
    """
    generator = np.random.default_rng([draw, 1])
    series_of_row = np.array([[series], [0], [min(1, series)]], np.int32).repeat(steps, axis=1)
    made: dict[str, Any] = {}
    for name, tensor in network.input.items():
        shape = (ROWS, steps, *tensor.shape[2:])
        if name == "series":
            made[name] = series_of_row
        elif name == "has_published":
            made[name] = np.ones(shape, np.float32)
        else:
            made[name] = generator.normal(0, 1 + 2 * draw, shape).astype(np.float32)
    made["inputs"] = _mask_some(network, _unscale(network, made["inputs"], series_of_row), generator)
    if "published" in made:
        made["published"] = _unscale(network, made["published"], series_of_row, "base_")
    return made


def run_network(network: Any, inputs: dict[str, Any], *, training: bool = False) -> Any:
    """A network's outputs as float32 arrays. It is called without compiling, which would take longest."""
    tensors = {name: keras.ops.convert_to_tensor(values) for name, values in inputs.items()}
    outputs = network(tensors, training=training)
    if isinstance(outputs, list | tuple):
        return [_array(keras.ops.cast(output, "float32")) for output in outputs]
    return _array(keras.ops.cast(outputs, "float32"))


def _unscale(network: Any, values: Any, series: Any, prefix: str = "") -> Any:
    """Scaled values -> those that `scaling_layers` scales to them; with `prefix` "base_", the published forecast."""
    layers, table = {layer.name: layer for layer in network.layers}, "base" if prefix else "feature"
    if f"{table}_means" in layers:
        mean, share = (_array(layers[f"{table}_{name}"].embeddings)[series] for name in ("means", "shares"))
        return (values / share + mean).astype(np.float32)
    if f"{prefix}centre" in layers:
        shares, offsets = layers[f"{prefix}shrink"].scale, layers[f"{prefix}centre"].offset
        return (values / np.array(shares) - np.array(offsets)).astype(np.float32)
    return values


def _mask_some(network: Any, values: Any, generator: np.random.Generator) -> Any:
    """The values with some marked as missing: a mask among the features is 0 or 1."""
    for layer in network.layers:
        if layer.name == "present":
            masks = (_array(layer.kernel) != 0).any(axis=1)
            values[..., masks] = generator.random((*values.shape[:2], masks.sum())) < 0.2
    return values


def _array(tensor: Any) -> Any:
    return np.array(keras.ops.convert_to_numpy(tensor))
