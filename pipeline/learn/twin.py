"""The network as named plain Keras layers, and the stateless twin over them: physical units in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from pipeline.errors import TrainingError
from pipeline.feed.scaling import Scaling

Layers = dict[str, Any]  # by the names below, so that a saved twin gives its layers back

_MOST_ONE_HOT = 2000  # series; beyond, the identity matrix and the first kernel outgrow everything else


@dataclass(frozen=True)
class Design:
    """What the layers are made from.

    `masks[i]` is the feature that is 1 where feature i is missing, or -1; `series` counts the series with an
    index of their own (1..series); index 0 is a series never seen.
    """

    scaling: Scaling
    masks: tuple[int, ...]
    series: int
    cell: str = "lstm"
    units: tuple[int, ...] = (64,)
    identity: str = "one_hot"
    embedding_size: int = 8


def make_layers(design: Design) -> Layers:
    """New layers with random weights, by name; TrainingError if the identity asked for is too wide."""
    scaling = design.scaling
    layers = keras.layers
    made: Layers = {
        # subtracted before it is divided: the other order loses the small differences of large values
        "centre": layers.Rescaling(1.0, offset=(-scaling.feature_mean).tolist(), name="centre"),
        "shrink": layers.Rescaling((1 / scaling.feature_std).tolist(), name="shrink"),
        "head": layers.Dense(len(scaling.target_mean), name="head"),
        "unscale": layers.Rescaling(
            scaling.target_std.tolist(), offset=scaling.target_mean.tolist(), name="unscale"
        ),
    }
    if max(design.masks, default=-1) >= 0:
        made |= {"present": _present(design.masks), "masked": layers.Multiply(name="masked")}
    if design.identity != "none" and design.series:
        made |= {"identity": _identity(design), "joined": layers.Concatenate(name="joined")}
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[design.cell]
    for number, units in enumerate(design.units):
        name = f"recurrent_{number}"
        made[name] = cell(units, return_sequences=True, return_state=True, name=name)
    return made


def make_twin(layers: Layers, features: int) -> Any:
    """The stateless network: `inputs` (batch, time, feature) and `series` (batch, time) -> (batch, time, target).

    Any batch size and length; every sequence of a batch starts from a state of zero.
    """
    return _stateless(layers, features, "twin", scaled=False)


def make_learner(layers: Layers, features: int) -> Any:
    """The twin with its outputs left in scaled units, in which the loss is taken."""
    return _stateless(layers, features, "learner", scaled=True)


def layers_of(network: Any) -> Layers:
    """The layers of a saved twin, by name."""
    return {layer.name: layer for layer in network.layers}


def recurrent_layers(layers: Layers) -> list[Any]:
    """The recurrent layers, first to last."""
    count = sum(name.startswith("recurrent_") for name in layers)
    return [layers[f"recurrent_{number}"] for number in range(count)]


def entrance(layers: Layers, inputs: Any, series: Any) -> Any:
    """Physical inputs and series indices -> what the first recurrent layer sees.

    A missing value (stored as 0, its mask feature 1) becomes 0 after scaling: the mean.
    """
    scaled = layers["shrink"](layers["centre"](inputs))
    if "present" in layers:
        scaled = layers["masked"]([scaled, layers["present"](inputs)])
    if "identity" in layers:
        scaled = layers["joined"]([scaled, layers["identity"](series)])
    return scaled


def _stateless(layers: Layers, features: int, name: str, *, scaled: bool) -> Any:
    inputs = keras.Input((None, features), name="inputs")
    series = keras.Input((None,), dtype="int32", name="series")
    flow = entrance(layers, inputs, series)
    for recurrent in recurrent_layers(layers):
        flow = recurrent(flow)[0]
    outputs = layers["head"](flow)
    if not scaled:
        outputs = layers["unscale"](outputs)
    return keras.Model({"inputs": inputs, "series": series}, outputs, name=name)


def _present(masks: tuple[int, ...]) -> Any:
    kernel = np.zeros((len(masks), len(masks)), np.float32)
    for feature, mask in enumerate(masks):
        if mask >= 0:
            kernel[mask, feature] = -1
    layer = keras.layers.Dense(len(masks), trainable=False, name="present")
    layer.build((None, None, len(masks)))
    layer.set_weights([kernel, np.ones(len(masks), np.float32)])
    return layer


def _identity(design: Design) -> Any:
    if design.identity == "embedding":
        # zeros: a series never seen stays at the neutral point from which the seen ones depart
        return keras.layers.Embedding(
            design.series + 1, design.embedding_size, embeddings_initializer="zeros", name="identity"
        )
    if design.series > _MOST_ONE_HOT:
        raise TrainingError(
            f"train.identity: one_hot serves at most {_MOST_ONE_HOT} series, found {design.series}; use embedding or none."
        )
    layer = keras.layers.Embedding(design.series + 1, design.series, trainable=False, name="identity")
    layer.build((None, None))
    layer.set_weights([np.eye(design.series + 1, design.series, k=-1, dtype=np.float32)])
    return layer
