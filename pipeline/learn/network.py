"""The network as named plain Keras layers: the stateless twin with physical units, and the learner inside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.learn.quantile_head import add_quantiles, apply_per_quantile, head_layers, swap_layer
from hindcast.pipeline.learn.scaling_layers import (
    scale_inputs,
    scale_layers,
    series_table,
    target_count,
    unscale_outputs,
    with_shares,
)
from hindcast.pipeline.settings.train import TrainSettings

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
"""The recurrent layers by the names that `train.cell` may have."""

Layers = dict[str, Any]
"""Layers by name; the names are stored in model.keras, so they do not change."""


@dataclass(frozen=True)
class Networks:
    """Two stateless networks over one graph and its layers: they share every weight.

    `learner` gives scaled units, in which the loss is computed; `twin` physical units. Both take `inputs` (batch, time,
    feature) in physical units and `series` (batch, time), and give (batch, time, target), or with quantiles
    (batch, time, target, quantile). A residual one also takes `published` (batch, time, target) in physical units, 0
    where there is none, and `has_published` (batch, time, target), 1 where there is one, else 0. With several members
    the learner gives the outputs of each (batch, time, target, member), so that each learns alone, and the twin their
    mean. Any batch size and length; every sequence of a batch starts from a state of zero.
    """

    learner: Any
    twin: Any


Body = Callable[[Layers, dict[str, Any]], tuple[Any, Any]]
"""(layers, inputs by name) -> outputs in scaled units: those for the loss, and those that are the forecast."""


def make_networks(layers: Layers, features: int, body: Body | None = None) -> Networks:
    """Both networks; `body` None: stacked recurrent layers and a head."""
    inputs = named_inputs(layers, features)
    learned, forecast = (body or _stacked)(layers, with_shares(layers, inputs))
    physical = apply_per_quantile(layers, forecast, lambda scaled: unscale_outputs(layers, inputs, scaled))
    return Networks(
        learner=keras.Model(inputs, learned, name="learner"),
        twin=keras.Model(inputs, physical, name="twin"),
    )


def make_layers(scaling: Scaling, masks: tuple[int, ...], series: int, settings: TrainSettings) -> Layers:
    """New layers with random weights, by name.

    `masks[i]` is the feature that is 1 where feature i is missing, or -1; `series` is the number of series with their
    own index (1..series); index 0 is a series never seen. Of the settings, `dropout` is the share of each recurrent
    layer's outputs that training leaves out; `residual` adds the head's output to the published forecast; `quantiles`
    give each target as many outputs, which never cross; `precision` is the dtype policy of the recurrent layers;
    `members` is the number of parallel stacks, each with its own head, whose mean is the forecast. With `model`, a
    user's function makes the layers between scaled inputs and scaled outputs.
    """
    made = scale_layers(scaling, residual=settings.is_residual)
    if settings.is_residual:
        made["base_masked"] = keras.layers.Multiply(name="base_masked", dtype="float32")
        made["based"] = keras.layers.Add(name="based", dtype="float32")
    if max(masks, default=-1) >= 0:
        made |= {"present": _present(masks), "masked": keras.layers.Multiply(name="masked")}
    if settings.model is not None:
        return made | ({"swapped": swap_layer()} if settings.quantiles else {})
    if settings.identity_for(series) != "none" and series:
        made["identity"] = _identity(series, len(scaling.groups), settings)
    if made.keys() & {"identity", "based"}:
        made["joined"] = keras.layers.Concatenate(name="joined")
    return made | _recurrent(settings) | _head(scaling.target_count, settings)


def named_inputs(layers: Layers, features: int) -> dict[str, Any]:
    """The inputs of a network over these layers, by name."""
    shapes: dict[str, tuple[int, ...]] = {"inputs": (features,), "series": ()}
    if "based" in layers:
        shapes |= dict.fromkeys(("published", "has_published"), (target_count(layers),))
    return {
        name: keras.Input(shape=(None, *shape), dtype="int32" if name == "series" else "float32", name=name)
        for name, shape in shapes.items()
    }


def scaled_features(layers: Layers, inputs: dict[str, Any]) -> Any:
    """Physical inputs -> scaled ones. A missing value (stored as 0, its mask feature 1) becomes 0: the mean."""
    scaled = scale_inputs(layers, inputs)
    if "present" in layers:
        scaled = layers["masked"]([scaled, layers["present"](inputs["inputs"])])
    return scaled


def first_layer_input(layers: Layers, inputs: dict[str, Any]) -> Any:
    """Physical inputs and series indices -> the input of the first recurrent layer."""
    parts = [scaled_features(layers, inputs)]
    if "identity" in layers:
        parts.append(layers["identity"](inputs["series"]))
    if "based" in layers:
        parts.append(inputs["has_published"])
    return layers["joined"](parts) if len(parts) > 1 else parts[0]


def add_published(layers: Layers, inputs: dict[str, Any], outputs: Any) -> Any:
    """Scaled outputs (batch, time, target) plus the published forecast, in a residual network; else unchanged."""
    return layers["based"]([outputs, scaled_published(layers, inputs)]) if "based" in layers else outputs


def scaled_published(layers: Layers, inputs: dict[str, Any]) -> Any:
    """The published forecast (batch, time, target) in scaled units, 0 where there is none."""
    return layers["base_masked"]([scale_inputs(layers, inputs, "base_"), inputs["has_published"]])


def _stacked(layers: Layers, inputs: dict[str, Any]) -> tuple[Any, Any]:
    start, values = first_layer_input(layers, inputs), []
    for member in range(max(1, sum(name.startswith("column_of_") for name in layers))):
        suffix, flow, number = _suffix(member), start, 0
        while f"recurrent_{number}{suffix}" in layers:
            flow = layers[f"recurrent_{number}{suffix}"](flow)
            if f"dropout_{number}{suffix}" in layers:
                flow = layers[f"dropout_{number}{suffix}"](flow)
            number += 1
        values.append(add_published(layers, inputs, layers[f"head{suffix}"](flow)))
    if len(values) == 1:
        outputs = add_quantiles(layers, flow, values[0])
        return outputs, outputs
    columns = [layers[f"column_of_{member}"](value) for member, value in enumerate(values)]
    return layers["side_by_side"](columns), layers["mean"](values)


def _suffix(member: int) -> str:
    """The end of the names of a member's layers; empty for the first member, as if it were alone."""
    return f"_of_{member}" if member else ""


def _head(targets: int, settings: TrainSettings) -> Layers:
    made = head_layers(targets, len(settings.quantiles), settings.middle, residual=settings.is_residual)
    if settings.members == 1:
        return made
    for member in range(settings.members):
        name = f"head{_suffix(member)}"
        made[name] = head_layers(targets, 0, 0, residual=settings.is_residual, name=name)[name]
        column = f"column_of_{member}"
        made[column] = keras.layers.Reshape((-1, targets, 1), name=column, dtype="float32")
    made["side_by_side"] = keras.layers.Concatenate(axis=-1, name="side_by_side", dtype="float32")
    made["mean"] = keras.layers.Average(name="mean", dtype="float32")
    return made


def _recurrent(settings: TrainSettings) -> Layers:
    cell = CELLS[settings.cell]
    made: Layers = {}
    for member in range(settings.members):
        for number, units in enumerate(settings.layer_units):
            name = f"recurrent_{number}{_suffix(member)}"
            made[name] = cell(units, return_sequences=True, name=name, dtype=settings.precision)
            if settings.dropout:
                name = f"dropout_{number}{_suffix(member)}"
                # with a seed: without one, Keras on torch draws from a generator that no checkpoint holds
                seed = random.randint(1, 10**9)  # noqa: S311 (the generator that `seed_everything` seeds)
                made[name] = keras.layers.Dropout(
                    settings.dropout, seed=seed, name=name, dtype=settings.precision
                )
    return made


def _present(masks: tuple[int, ...]) -> Any:
    kernel = np.zeros((len(masks), len(masks)), np.float32)
    for feature, mask in enumerate(masks):
        if mask >= 0:
            kernel[mask, feature] = -1
    layer = keras.layers.Dense(len(masks), trainable=False, name="present", dtype="float32")
    layer.build((None, None, len(masks)))
    layer.set_weights([kernel, np.ones(len(masks), np.float32)])
    return layer


def _identity(series: int, groups: int, settings: TrainSettings) -> Any:
    # the series of a group that were never seen are as neutral as index 0
    rows = series + 1 + groups
    if settings.identity_for(series) == "embedding":
        # zeros: a series never seen stays at the neutral point where the others started
        return keras.layers.Embedding(
            rows, settings.embedding_size, embeddings_initializer="zeros", name="identity"
        )
    return series_table("identity", np.eye(rows, series, k=-1))
