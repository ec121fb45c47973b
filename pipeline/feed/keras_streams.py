"""Batches as a Keras `PyDataset`: for this project's own fitting, and for `fit` and `predict` of anybody's network."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any, Protocol

import keras

from pipeline.feed.batches import Batch


class Batches(Sized, Protocol):
    """Batches that can be asked for in any order."""

    def __getitem__(self, number: int) -> Batch: ...


class BatchStream(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The epochs of a plan as `(inputs, targets, weights)`.

    `epoch(number)` makes the batches of an epoch. `inputs` holds `inputs`, `series`, `keep` and `identity` (see
    `Batch`). Which batch is asked for, how often and in which order changes nothing: there is no cursor. Give
    `shuffle=False` to `fit`: the plan has shuffled already, and carried state needs its order.
    """

    def __init__(self, epoch: Callable[[int], Batches]) -> None:
        super().__init__(workers=1)
        self._make, self._epoch = epoch, 0
        self._batches = epoch(0)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[dict[str, Any], Any, Any]:
        return as_tuple(self._batches[number])

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self._epoch += 1
        self._batches = self._make(self._epoch)


def as_tuple(batch: Batch) -> tuple[dict[str, Any], Any, Any]:
    """A batch as Keras takes it: named inputs, targets, weights."""
    inputs = {"inputs": batch.inputs, "series": batch.series, "keep": batch.keep, "identity": batch.identity}
    return inputs, batch.targets, batch.weights
