"""A network plays batches: outputs of each, without training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.ahead import Numbered, read_ahead
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.guard import ContinuityGuard
from hindcast.pipeline.learn.losses import elementwise
from hindcast.pipeline.settings.train import TrainSettings


def inputs_for(network: Any, batch: Batch) -> dict[str, Any]:
    """The inputs that a network asks for, by name: a stateless one has no use for `keep`."""
    return {variable.name: getattr(batch, variable.name) for variable in network.inputs}


def played(
    network: Any, batches: Numbered[Batch], guard: ContinuityGuard | None
) -> Iterator[tuple[Batch, npt.NDArray[np.float32]]]:
    """Each batch in order, with the network's outputs (row, step, target[, quantile]). A guard stops what does not continue."""
    for batch in read_ahead(batches):
        if guard is not None:
            guard.check(batch.identity, batch.keep)
        yield batch, np.asarray(network.predict_on_batch(inputs_for(network, batch)))


def mean_loss(
    network: Any, batches: Numbered[Batch], settings: TrainSettings, guard: ContinuityGuard | None
) -> float:
    """The loss over all batches, each target at its weight; NaN where no target has any."""
    import keras

    total = weight = 0.0
    for batch, outputs in played(network, batches, guard):
        errors = keras.ops.convert_to_numpy(elementwise(settings)(batch.targets, outputs))
        total += float((errors * batch.weights).sum(dtype=np.float64))
        weight += float(batch.weights.sum(dtype=np.float64))
    return total / weight if weight else float("nan")
