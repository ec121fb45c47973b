"""Batches of validation kept in memory, within a budget: they are read once instead of once an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch, Pass
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.wording import size_text


def cache_batches(passes: Sequence[Pass], settings: TrainSettings) -> list[Pass]:
    """The same passes, each batch kept in memory once it was made if `train.validation` is memory; else unchanged.

    TrainingError if they would take more than `train.validation_budget` bytes. All batches of a pass have one shape,
    so its first batch gives the size of all.
    """
    if settings.validation == "stream":
        return list(passes)
    needed = sum(len(batches) * _size_of_first(batches) for batches in passes if len(batches))
    if needed > settings.validation_budget:
        raise TrainingError(
            f"train.validation: memory needs {size_text(needed)} for the batches of validation, more than "
            f"train.validation_budget ({size_text(settings.validation_budget)}): raise it, or set train.validation=stream."
        )
    return [_CachedPass(batches) for batches in passes]


class _CachedPass:
    """Batches by number; each is made once."""

    def __init__(self, batches: Pass) -> None:
        self._batches = batches
        self._cache: dict[int, Batch] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Batch:
        if number not in self._cache:
            batch = self._batches[number]
            # copies: a view would keep the memory of all batches that were made together with it
            self._cache[number] = Batch(*(getattr(batch, field.name).copy() for field in fields(Batch)))
            if len(self._cache) == len(self):
                self.close()
        return self._cache[number]

    def close(self) -> None:
        """Release what was read ahead and is not cached yet."""
        self._batches.close()


def _size_of_first(batches: Pass) -> int:
    first = batches[0]
    batches.close()  # else each of many passes would keep what it read until its turn
    return sum(getattr(first, field.name).nbytes for field in fields(first))
