"""Scaling as plain Keras layers: one scale for all series, or a table of scales looked up by the index of the series."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.feed.scaling import Scaling


def scale_layers(scaling: Scaling, *, residual: bool) -> dict[str, Any]:
    """The layers of the functions below, by name; float32 whatever the precision of what lies between.

    A mean is subtracted before it is divided: the other order loses the small differences of large values.
    """
    layers = keras.layers
    made = _inward("", "feature", scaling.feature_mean, scaling.feature_std)
    mean, std = scaling.target_mean, scaling.target_std
    if mean.ndim == 1:
        made["unscale"] = layers.Rescaling(
            std.tolist(), offset=mean.tolist(), name="unscale", dtype="float32"
        )
    else:
        made |= {
            "target_means": _table("target_means", mean),
            "target_spreads": _table("target_spreads", std),
            "beside": layers.Reshape((-1, 1, mean.shape[1]), name="beside", dtype="float32"),
            "stretch": layers.Multiply(name="stretch", dtype="float32"),
            "unscale": layers.Add(name="unscale", dtype="float32"),
        }
    if residual:
        made |= _inward("base_", "base", mean, std)
    return made


def scaled(layers: dict[str, Any], inputs: dict[str, Any], end: str = "") -> Any:
    """`inputs` in physical units -> scaled ones; with `end` "base_" the published forecast."""
    values = inputs["published" if end else "inputs"]
    table = "base" if end else "feature"
    if f"{table}_means" not in layers:
        return layers[f"{end}shrink"](layers[f"{end}centre"](values))
    series = inputs["series"]
    centred = layers[f"{end}centre"]([values, layers[f"{table}_means"](series)])
    return layers[f"{end}shrink"]([centred, layers[f"{table}_shares"](series)])


def physical(layers: dict[str, Any], inputs: dict[str, Any], outputs: Any) -> Any:
    """Scaled outputs (batch, time, target), or (batch, time, quantile, target), -> physical units."""
    if "target_means" not in layers:
        return layers["unscale"](outputs)
    mean, spread = (layers[name](inputs["series"]) for name in ("target_means", "target_spreads"))
    if len(outputs.shape) > 3:
        mean, spread = layers["beside"](mean), layers["beside"](spread)
    return layers["unscale"]([layers["stretch"]([outputs, spread]), mean])


def target_count(layers: dict[str, Any]) -> int:
    """How many targets these layers scale."""
    if "target_means" in layers:
        return int(layers["target_means"].output_dim)
    return len(layers["unscale"].offset)


def _inward(end: str, table: str, mean: Floats, std: Floats) -> dict[str, Any]:
    layers = keras.layers
    centre, shrink = f"{end}centre", f"{end}shrink"
    if mean.ndim == 1:
        return {
            centre: layers.Rescaling(1.0, offset=(-mean).tolist(), name=centre, dtype="float32"),
            shrink: layers.Rescaling((1 / std).tolist(), name=shrink, dtype="float32"),
        }
    return {
        f"{table}_means": _table(f"{table}_means", mean),
        f"{table}_shares": _table(f"{table}_shares", 1 / std),
        centre: layers.Subtract(name=centre, dtype="float32"),
        shrink: layers.Multiply(name=shrink, dtype="float32"),
    }


def _table(name: str, rows: Floats) -> Any:
    """(index, column): what stands in a row is looked up by the index of a series, and never trained."""
    layer = keras.layers.Embedding(*rows.shape, trainable=False, name=name, dtype="float32")
    layer.build((None, None))
    layer.set_weights([rows.astype(np.float32)])
    return layer
