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
    index of their own (1..series); index 0 is a series never seen. `dropout` is the share of each recurrent layer's
    outputs that training leaves out; `residual` adds the head's output to the published forecast.
    """

    scaling: Scaling
    masks: tuple[int, ...]
    series: int
    cell: str = "lstm"
    units: tuple[int, ...] = (64,)
    identity: str = "one_hot"
    embedding_size: int = 8
    dropout: float = 0.0
    residual: bool = False


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
    if design.residual:
        made |= _residual(scaling)
    if design.identity != "none" and design.series:
        made["identity"] = _identity(design)
    if made.keys() & {"identity", "based"}:
        made["joined"] = layers.Concatenate(name="joined")
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[design.cell]
    for number, units in enumerate(design.units):
        name = f"recurrent_{number}"
        made[name] = cell(units, return_sequences=True, return_state=True, name=name)
        if design.dropout:
            made[f"dropout_{number}"] = layers.Dropout(design.dropout, name=f"dropout_{number}")
    return made


def make_twin(layers: Layers, features: int) -> Any:
    """The stateless network: `inputs` (batch, time, feature) and `series` (batch, time) -> (batch, time, target).

    A residual one also takes `published` (batch, time, target) in physical units, 0 where there is none, and
    `has_published` (batch, time, target), 1 where there is one, else 0.
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


def named_inputs(layers: Layers, features: int, rows: int | None = None) -> dict[str, Any]:
    """The inputs of a network over these layers, by name, for batches of `rows` (None: any number)."""
    shapes: dict[str, tuple[int, ...]] = {"inputs": (features,), "series": ()}
    if "based" in layers:
        shapes |= dict.fromkeys(("published", "has_published"), (layers["head"].units,))
    return {
        name: keras.Input(
            batch_shape=(rows, None, *shape), dtype="int32" if name == "series" else "float32", name=name
        )
        for name, shape in shapes.items()
    }


def entrance(layers: Layers, inputs: dict[str, Any]) -> Any:
    """Physical inputs and series indices -> what the first recurrent layer sees.

    A missing value (stored as 0, its mask feature 1) becomes 0 after scaling: the mean.
    """
    scaled = layers["shrink"](layers["centre"](inputs["inputs"]))
    if "present" in layers:
        scaled = layers["masked"]([scaled, layers["present"](inputs["inputs"])])
    parts = [scaled]
    if "identity" in layers:
        parts.append(layers["identity"](inputs["series"]))
    if "based" in layers:
        parts.append(inputs["has_published"])
    return layers["joined"](parts) if len(parts) > 1 else scaled


def dropped(layers: Layers, number: int, flow: Any) -> Any:
    """The outputs of a recurrent layer, some of them left out in training."""
    name = f"dropout_{number}"
    return layers[name](flow) if name in layers else flow


def exit_from(layers: Layers, inputs: dict[str, Any], flow: Any, *, scaled: bool) -> Any:
    """What the last recurrent layer gives -> predictions, in scaled units if `scaled`, else physical.

    Where there is no published forecast, a residual network adds to the target's mean (the scaled zero).
    """
    outputs = layers["head"](flow)
    if "based" in layers:
        base = layers["base_shrink"](layers["base_centre"](inputs["published"]))
        outputs = layers["based"]([outputs, layers["base_masked"]([base, inputs["has_published"]])])
    return outputs if scaled else layers["unscale"](outputs)


def _stateless(layers: Layers, features: int, name: str, *, scaled: bool) -> Any:
    inputs = named_inputs(layers, features)
    flow = entrance(layers, inputs)
    for number, recurrent in enumerate(recurrent_layers(layers)):
        flow = dropped(layers, number, recurrent(flow)[0])
    return keras.Model(inputs, exit_from(layers, inputs, flow, scaled=scaled), name=name)


def _residual(scaling: Scaling) -> Layers:
    layers = keras.layers
    return {
        "base_centre": layers.Rescaling(1.0, offset=(-scaling.target_mean).tolist(), name="base_centre"),
        "base_shrink": layers.Rescaling((1 / scaling.target_std).tolist(), name="base_shrink"),
        "base_masked": layers.Multiply(name="base_masked"),
        "based": layers.Add(name="based"),
        # zeros: the network begins as the published forecast and learns its error
        "head": layers.Dense(len(scaling.target_mean), kernel_initializer="zeros", name="head"),
    }


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
