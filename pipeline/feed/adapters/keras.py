"""Batches as a Keras `PyDataset`, for `fit` and `predict` of any network on any of Keras's backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.prefetch import Numbered
from hindcast.pipeline.feed.streams import Stream


class _Epochs(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Epoch after epoch, each in its own order; `epoch(number)` makes the batches of one, counted from 0.

    Batches can be read in any order and repeatedly, since there is no cursor (Keras reads the first two twice).
    Give `shuffle=False` to `fit`: the batches are shuffled already, and carried state needs their order.
    """

    def __init__(self, epoch: Callable[[int], Any]) -> None:
        super().__init__(workers=1)
        self._epoch, self._begun = epoch, 0
        self._batches = epoch(0)

    def __len__(self) -> int:
        return len(self._batches)

    def on_epoch_begin(self) -> None:
        """Continue with the next epoch. (Keras 3.15 calls `on_epoch_end` before the first one too: it cannot count.)"""
        if self._begun:
            self._batches = self._epoch(self._begun)
        self._begun += 1


class BatchStream(_Epochs):
    """The batches that training plays, as `(inputs, targets, weights)`.

    `epoch(number)` makes the batches of an epoch; `names` are the fields of `Batch` that the network takes as its named
    inputs.
    """

    def __init__(
        self, epoch: Callable[[int], Numbered[Batch]], names: tuple[str, ...] = ("inputs", "series")
    ) -> None:
        super().__init__(epoch)
        self._names = names

    def __getitem__(self, number: int) -> tuple[dict[str, Any], Any, Any]:
        batch = self._batches[number]
        return {name: getattr(batch, name) for name in self._names}, batch.targets, batch.weights


class KerasStream(_Epochs):
    """A stream of segments, windows or lanes for Keras's `fit` and `predict`: epoch after epoch, each in its own order.

    `inputs` names those that the network takes, if it takes fewer. With one output, targets and weights are plain arrays,
    so that any network takes them; with more they are named. Give `shuffle=False` to `fit`: the stream is shuffled
    already.
    """

    def __init__(self, stream: Stream, inputs: Sequence[str] | None = None) -> None:
        super().__init__(lambda number: stream.at(stream.epoch + number) if number else stream)
        self._inputs = inputs

    def __getitem__(self, number: int) -> tuple[Any, Any, Any]:
        inputs, targets, weights = self._batches[number]
        chosen = inputs if self._inputs is None else {name: inputs[name] for name in self._inputs}
        if len(targets) > 1:
            return chosen, targets, weights
        (name,) = targets
        return chosen, targets[name], weights[name]

    def on_epoch_begin(self) -> None:
        """Continue with the next epoch and free what was read for the one before."""
        before = self._batches
        super().on_epoch_begin()
        if self._batches is not before:
            before.close()
