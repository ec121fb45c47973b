"""Batches held in memory: validation is read once instead of once an epoch, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch, Pass
from hindcast.pipeline.settings.train import TrainSettings


def held(passes: Sequence[Pass], settings: TrainSettings) -> list[Pass]:
    """The same passes, kept in memory once played if `settings.validation` is memory; else as they are.

    TrainingError if they would outgrow `settings.validation_budget`. All batches of a pass are of one shape, so
    the first one tells.
    """
    if settings.validation == "stream":
        return list(passes)
    needed = sum(len(batches) * _size_of_first(batches) for batches in passes if len(batches))
    if needed > settings.validation_budget:
        raise TrainingError(
            f"train.validation: memory needs {_told(needed)} for the batches of validation, more than "
            f"train.validation_budget ({_told(settings.validation_budget)}): raise it, or set train.validation=stream."
        )
    return [_Held(batches) for batches in passes]


class _Held:
    """Batches by number; each is made once."""

    def __init__(self, batches: Pass) -> None:
        self._batches = batches
        self._kept: dict[int, Batch] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Batch:
        if number not in self._kept:
            made = self._batches[number]
            # copies: a view would keep all batches that were made with it, in memory that may be larger than they are
            self._kept[number] = Batch(*(getattr(made, field.name).copy() for field in fields(Batch)))
            if len(self._kept) == len(self):
                self.close()
        return self._kept[number]

    def close(self) -> None:
        """Let go of what was made beforehand and is not held yet."""
        self._batches.close()


def _told(size: int) -> str:
    """A number of bytes in the largest unit of which there is at least one."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _size_of_first(batches: Pass) -> int:
    first = batches[0]
    batches.close()  # of many passes each would keep what it read until its turn
    return sum(getattr(first, field.name).nbytes for field in fields(first))
