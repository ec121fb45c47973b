"""Losses that look at each (row, step, target) alone, so that weights can leave any of them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def elementwise(name: str) -> Callable[[Any, Any], Any]:
    """`mae`, `mse` or `huber` of each element, in scaled units (huber's bend lies at one standard deviation)."""
    return {"mae": _absolute, "mse": _squared, "huber": _huber}[name]


class WeightedMean(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """The mean of an elementwise loss over the weights: what has weight 0 changes neither it nor a gradient."""

    def __init__(self, of: str) -> None:
        super().__init__(name=of, reduction="mean_with_sample_weight")
        self._of = elementwise(of)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each element, before it is weighted."""
        return self._of(y_true, y_pred)


def _absolute(target: Any, value: Any) -> Any:
    return ops.abs(value - target)


def _squared(target: Any, value: Any) -> Any:
    return ops.square(value - target)


def _huber(target: Any, value: Any) -> Any:
    error = ops.abs(value - target)
    return ops.where(error <= 1, ops.square(error) / 2, error - 0.5)
