"""The layers on the last recurrent layer: a value per target, or quantiles that never cross, by construction."""

from __future__ import annotations

from typing import Any

import keras


def head_layers(
    targets: int, quantiles: int, middle: int, *, residual: bool, name: str = "head"
) -> dict[str, Any]:
    """The layers of `add_quantiles`, by name; `head` gives each target's value, of several quantiles that at `middle`.

    Every other quantile differs from its neighbour towards the middle by a softplus of its own, which is never below
    0: whatever the weights are, and whatever is added to the middle, quantiles stay in order.
    """
    layers = keras.layers
    # zeros: a residual network starts as the published forecast and learns its error
    start = "zeros" if residual else "glorot_uniform"
    made = {name: layers.Dense(targets, kernel_initializer=start, name=name, dtype="float32")}
    for place in range(quantiles):
        made[f"column_{place}"] = layers.Reshape((-1, targets, 1), name=f"column_{place}", dtype="float32")
        if place == middle:
            continue
        name = f"width_{place}"
        made[name] = layers.Dense(targets, activation="softplus", name=name, dtype="float32")
        step = layers.Add if place > middle else layers.Subtract
        made[f"quantile_{place}"] = step(name=f"quantile_{place}", dtype="float32")
    if quantiles:
        made["fan"] = layers.Concatenate(axis=-1, name="fan", dtype="float32")
        made["swapped"] = swap_layer()
    return made


def swap_layer() -> Any:
    """The layer that turns (batch, time, target, quantile) into (batch, time, quantile, target) and back."""
    return keras.layers.Permute((1, 3, 2), name="swapped", dtype="float32")


def add_quantiles(layers: dict[str, Any], flow: Any, middle: Any) -> Any:
    """The last layer's outputs (batch, time, units) and the middle (batch, time, target) -> (batch, time, target, quantile).

    Without quantiles, the middle itself.
    """
    if "fan" not in layers:
        return middle
    count = sum(name.startswith("column_") for name in layers)
    (start,) = (place for place in range(count) if f"width_{place}" not in layers)
    columns = {start: middle}
    for place in range(start + 1, count):
        columns[place] = layers[f"quantile_{place}"]([columns[place - 1], layers[f"width_{place}"](flow)])
    for place in range(start - 1, -1, -1):
        columns[place] = layers[f"quantile_{place}"]([columns[place + 1], layers[f"width_{place}"](flow)])
    return layers["fan"]([layers[f"column_{place}"](columns[place]) for place in range(count)])


def apply_per_quantile(layers: dict[str, Any], outputs: Any, unscale: Any) -> Any:
    """`unscale`, which takes targets as the last axis, applied to outputs with or without quantiles (the last axis)."""
    if "swapped" not in layers:
        return unscale(outputs)
    return layers["swapped"](unscale(layers["swapped"](outputs)))
