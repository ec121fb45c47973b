"""Batches as a Keras `PyDataset`, for `fit` and `predict` of anybody's network on any of Keras's backends."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any, Protocol

import keras

from pipeline.feed.batches import Batch


class Batches(Sized, Protocol):
    """Batches that can be asked for in any order: `LaneBatches`, `WindowBatches`."""

    def __getitem__(self, number: int) -> Batch: ...


class BatchStream(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The epochs of a plan as `(inputs, targets, weights)`.

    `epoch(number)` makes the batches of an epoch; `names` are the fields of `Batch` that the network takes as
    its named inputs. Which batch is asked for, how often and in which order changes nothing: there is no
    cursor (Keras asks for the first two twice). Give `shuffle=False` to `fit`: the plan has shuffled already,
    and carried state needs its order.
    """

    def __init__(
        self, epoch: Callable[[int], Batches], names: tuple[str, ...] = ("inputs", "series")
    ) -> None:
        super().__init__(workers=1)
        self._make, self._names = epoch, names
        self._begun = 0
        self._batches = epoch(0)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[dict[str, Any], Any, Any]:
        batch = self._batches[number]
        return {name: getattr(batch, name) for name in self._names}, batch.targets, batch.weights

    def on_epoch_begin(self) -> None:
        """Go on to the next epoch. (Keras 3.15 calls `on_epoch_end` before the first epoch too: it cannot count.)"""
        self._batches = self._make(self._begun)
        self._begun += 1
