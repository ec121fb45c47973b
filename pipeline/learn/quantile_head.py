"""What stands on the last recurrent layer: a value a target, or quantiles that never cross, by construction."""

from __future__ import annotations

from typing import Any

import keras


def head_layers(
    targets: int, quantiles: int, middle: int, *, residual: bool, name: str = "head"
) -> dict[str, Any]:
    """The layers of `add_quantiles`, by name: `head` gives the value of each target, of several quantiles the one at `middle`.

    Every other quantile departs from its neighbour on the side of the middle by a softplus of its own, which is
    never below 0: however the weights move, and whatever is added to the middle, quantiles stay in order.
    """
    layers = keras.layers
    # zeros: a residual network begins as the published forecast and learns its error
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
    """The layer that puts (batch, time, target, quantile) into (batch, time, quantile, target) and back."""
    return keras.layers.Permute((1, 3, 2), name="swapped", dtype="float32")


def add_quantiles(layers: dict[str, Any], flow: Any, middle: Any) -> Any:
    """The last layer's outputs and the middle (batch, time, target) -> (batch, time, target, quantile).

    Without quantiles the middle itself.
    """
    if "fan" not in layers:
        return middle
    count = sum(name.startswith("column_") for name in layers)
    (place,) = (each for each in range(count) if f"width_{each}" not in layers)
    columns = {place: middle}
    for each in range(place + 1, count):
        columns[each] = layers[f"quantile_{each}"]([columns[each - 1], layers[f"width_{each}"](flow)])
    for each in range(place - 1, -1, -1):
        columns[each] = layers[f"quantile_{each}"]([columns[each + 1], layers[f"width_{each}"](flow)])
    return layers["fan"]([layers[f"column_{each}"](columns[each]) for each in range(count)])


def apply_per_quantile(layers: dict[str, Any], outputs: Any, unscale: Any) -> Any:
    """`unscale`, which takes targets as the last axis, on outputs with or without quantiles."""
    if "swapped" not in layers:
        return unscale(outputs)
    return layers["swapped"](unscale(layers["swapped"](outputs)))
