"""Batches as a Keras `PyDataset`, for `fit` and `predict` of anybody's network on any of Keras's backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from typing import Any, Protocol

import keras

from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.streams import Stream


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


class KerasStream(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """A stream of segments, windows or lanes for Keras's `fit` and `predict`: epoch after epoch, each in its own order.

    `inputs` names those that the network takes, where it takes fewer. With one output, targets and weights are plain
    arrays, so that any network takes them; with more they are named. Give `shuffle=False` to `fit`: the stream has
    shuffled already.
    """

    def __init__(self, stream: Stream, inputs: Sequence[str] | None = None) -> None:
        super().__init__(workers=1)
        self._stream, self._inputs = stream, inputs
        self._first = stream.epoch
        self._begun = 0

    def __len__(self) -> int:
        return len(self._stream)

    def __getitem__(self, number: int) -> tuple[Any, Any, Any]:
        inputs, targets, weights = self._stream[number]
        chosen = inputs if self._inputs is None else {name: inputs[name] for name in self._inputs}
        if len(targets) > 1:
            return chosen, targets, weights
        (name,) = targets
        return chosen, targets[name], weights[name]

    def on_epoch_begin(self) -> None:
        """Go on to the next epoch; what was read of the one before is let go."""
        epoch = self._first + self._begun
        if epoch != self._stream.epoch:
            self._stream.close()
            self._stream = self._stream.at(epoch)
        self._begun += 1
