"""Losses computed for each (row, step, target) alone, so that a weight of 0 can exclude any of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.settings.train import TrainSettings


def elementwise(settings: TrainSettings) -> Callable[[Any, Any], Any]:
    """The loss of each (row, step, target), in scaled units, as a function of targets and values.

    huber changes from square to linear at one standard deviation; pinball takes values (row, step, target, quantile)
    and is the mean over the quantiles of max(q e, (q - 1) e), where e = target - value (R. Koenker, G. Bassett 1978).
    For values of several members (row, step, target, member) it is the mean of each one's own loss.
    """
    if settings.loss == "pinball":
        return partial(_pinball, np.array(settings.quantiles, np.float32))
    loss = _LOSSES[settings.loss]
    if settings.members == 1:
        return loss
    return lambda target, value: ops.mean(loss(ops.expand_dims(target, -1), value), axis=-1)


class WeightedMean(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """The weighted mean of an elementwise loss: an element of weight 0 changes neither it nor a gradient.

    With settings that weigh values differently it is the sum over elements, whose weights `shares` divides by their number:
    a batch of values that count little then changes the network little.
    """

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__(
            name=settings.loss, reduction="sum" if settings.is_weighted else "mean_with_sample_weight"
        )
        self._elementwise = elementwise(settings)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each element, before weighting."""
        return self._elementwise(y_true, y_pred)


def mass_of(weights: Values, settings: TrainSettings) -> float:
    """What the weighted losses of a batch are divided by: the sum of its weights, or with `is_weighted` the number above 0."""
    return float(np.count_nonzero(weights) if settings.is_weighted else weights.sum(dtype=np.float64))


def shares(weights: Values, settings: TrainSettings) -> Values:
    """The weights of a batch as `WeightedMean` takes them."""
    if not settings.is_weighted:
        return weights
    return weights / np.float32(max(1.0, mass_of(weights, settings)))


def inputs_for(network: Any, batch: Batch) -> dict[str, Any]:
    """The inputs that a network has, by name: a stateless one has no `keep`."""
    return {variable.name: getattr(batch, variable.name) for variable in network.inputs}


# The backends differ in what an array minus a tensor gives: `ops` takes both on all of them.


def _huber(target: Any, value: Any) -> Any:
    error = ops.abs(ops.subtract(value, target))
    return ops.where(error <= 1, ops.square(error) / 2, error - 0.5)


def _pinball(quantiles: Any, target: Any, value: Any) -> Any:
    error = ops.subtract(ops.expand_dims(target, -1), value)
    return ops.mean(ops.maximum(ops.multiply(quantiles, error), ops.multiply(quantiles - 1, error)), axis=-1)


_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mae": lambda target, value: ops.abs(ops.subtract(value, target)),
    "mse": lambda target, value: ops.square(ops.subtract(value, target)),
    "huber": _huber,
}
