"""Scaling as plain Keras layers: one scale for all series, or a table of scales looked up by the series index."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.feed.scaling import Scaling


def scale_layers(scaling: Scaling, *, residual: bool) -> dict[str, Any]:
    """The layers that the functions below use, by name; float32 whatever the precision of the layers between them.

    The mean is subtracted before dividing: the other order loses the small differences of large values.
    """
    layers = keras.layers
    made = _scaling_in("", "feature", scaling.feature_mean, scaling.feature_std)
    mean, std = scaling.target_mean, scaling.target_std
    if mean.ndim == 1:
        made["unscale"] = layers.Rescaling(
            std.tolist(), offset=mean.tolist(), name="unscale", dtype="float32"
        )
    else:
        made |= {
            "target_means": series_table("target_means", mean),
            "target_spreads": series_table("target_spreads", std),
            "beside": layers.Reshape((-1, 1, mean.shape[1]), name="beside", dtype="float32"),
            "stretch": layers.Multiply(name="stretch", dtype="float32"),
            "unscale": layers.Add(name="unscale", dtype="float32"),
        }
    if residual:
        made |= _scaling_in("base_", "base", mean, std)
    return made | _capacity_layers(scaling)


def _capacity_layers(scaling: Scaling) -> dict[str, Any]:
    """The layers that cut the capacity of each target out of the inputs: exact, as a matrix product on a GPU would not be."""
    if not scaling.capacity:
        return {}
    layers, features = keras.layers, scaling.feature_mean.shape[-1]
    made = {
        "turned": layers.Permute((2, 1), name="turned", dtype="float32"),
        "capacity": layers.Permute((2, 1), name="capacity", dtype="float32"),
        "above_zero": layers.ReLU(name="above_zero", dtype="float32"),
        "sized": layers.Multiply(name="sized", dtype="float32"),
        "sizes_beside": layers.Reshape((-1, 1, len(scaling.capacity)), name="sizes_beside", dtype="float32"),
    }
    if len(scaling.capacity) > 1:
        made["capacities"] = layers.Concatenate(axis=1, name="capacities", dtype="float32")
    for target, feature in enumerate(scaling.capacity):
        name, place = f"capacity_of_{target}", max(feature, 0)
        made[name] = layers.Cropping1D((place, features - place - 1), name=name, dtype="float32")
        if feature < 0:
            name = f"no_capacity_of_{target}"
            made[name] = layers.Rescaling(0.0, offset=1.0, name=name, dtype="float32")
    return made


def _sizes(layers: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """Inputs in physical units -> the capacity of each target (batch, time, target), 0 where it is not above 0."""
    turned = layers["turned"](inputs["inputs"])
    columns: list[Any] = []
    while f"capacity_of_{len(columns)}" in layers:
        target = len(columns)
        column = layers[f"capacity_of_{target}"](turned)
        if f"no_capacity_of_{target}" in layers:
            column = layers[f"no_capacity_of_{target}"](column)
        columns.append(column)
    joined = layers["capacities"](columns) if len(columns) > 1 else columns[0]
    return layers["above_zero"](layers["capacity"](joined))


def with_shares(layers: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Add the published forecast as a share of the capacity to the inputs of a residual network of shares; 0 without a capacity."""
    if "published" not in inputs or "capacity" not in layers:
        return inputs
    shares = keras.ops.divide_no_nan(inputs["published"], _sizes(layers, inputs))
    # Keras numbers operations without a name by what the process built before, and the numbers are in the files
    shares._keras_history.operation.name = "base_shares"  # noqa: SLF001
    return {**inputs, "base_shares": shares}


def scale_inputs(layers: dict[str, Any], inputs: dict[str, Any], prefix: str = "") -> Any:
    """`inputs` of `with_shares` -> scaled ones; with `prefix` "base_", the published forecast."""
    values = inputs.get("base_shares", inputs["published"]) if prefix else inputs["inputs"]
    table = "base" if prefix else "feature"
    if f"{table}_means" not in layers:
        return layers[f"{prefix}shrink"](layers[f"{prefix}centre"](values))
    series = inputs["series"]
    centred = layers[f"{prefix}centre"]([values, layers[f"{table}_means"](series)])
    return layers[f"{prefix}shrink"]([centred, layers[f"{table}_shares"](series)])


def unscale_outputs(layers: dict[str, Any], inputs: dict[str, Any], outputs: Any) -> Any:
    """Scaled outputs (batch, time, target), or (batch, time, quantile, target), -> physical units."""
    shares = _unscale(layers, inputs, outputs)
    if "capacity" not in layers:
        return shares
    sizes = _sizes(layers, inputs)
    return layers["sized"]([shares, layers["sizes_beside"](sizes) if len(outputs.shape) > 3 else sizes])


def _unscale(layers: dict[str, Any], inputs: dict[str, Any], outputs: Any) -> Any:
    if "target_means" not in layers:
        return layers["unscale"](outputs)
    mean, spread = (layers[name](inputs["series"]) for name in ("target_means", "target_spreads"))
    if len(outputs.shape) > 3:
        mean, spread = layers["beside"](mean), layers["beside"](spread)
    return layers["unscale"]([layers["stretch"]([outputs, spread]), mean])


def differing_scales(network: Any, scaling: Scaling, *, residual: bool) -> tuple[int, list[str]]:
    """Return how many layers with numbers of a scaling there are, and the names of those with other numbers in a network."""
    names = {layer.name: layer for layer in network.layers}
    due = {
        name: _numbers_of(layer)
        for name, layer in scale_layers(scaling, residual=residual).items()
        if _numbers_of(layer) is not None
    }
    differing = [
        name
        for name, numbers in due.items()
        if name not in names or not np.array_equal(_numbers_of(names[name]), numbers)
    ]
    return len(due), differing


def _numbers_of(layer: Any) -> Any:
    """Return the scales in a layer as float32, as the network uses them; None if it has none."""
    if isinstance(layer, keras.layers.Embedding):
        return layer.get_weights()[0]
    if isinstance(layer, keras.layers.Rescaling):
        return np.array([*np.atleast_1d(layer.scale), *np.atleast_1d(layer.offset)], np.float32)
    return None


def target_count(layers: dict[str, Any]) -> int:
    """The number of targets that these layers scale."""
    if "target_means" in layers:
        return int(layers["target_means"].output_dim)
    return len(layers["unscale"].offset)


def _scaling_in(prefix: str, table: str, mean: Floats, std: Floats) -> dict[str, Any]:
    layers = keras.layers
    centre, shrink = f"{prefix}centre", f"{prefix}shrink"
    if mean.ndim == 1:
        return {
            centre: layers.Rescaling(1.0, offset=(-mean).tolist(), name=centre, dtype="float32"),
            shrink: layers.Rescaling((1 / std).tolist(), name=shrink, dtype="float32"),
        }
    return {
        f"{table}_means": series_table(f"{table}_means", mean),
        f"{table}_shares": series_table(f"{table}_shares", 1 / std),
        centre: layers.Subtract(name=centre, dtype="float32"),
        shrink: layers.Multiply(name=shrink, dtype="float32"),
    }


def series_table(name: str, rows: Floats) -> Any:
    """A lookup of rows (index, column) by series index; never trained."""
    layer = keras.layers.Embedding(*rows.shape, trainable=False, name=name, dtype="float32")
    layer.build((None, None))
    layer.set_weights([rows.astype(np.float32)])
    return layer
