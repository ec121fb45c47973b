"""The course of a training: losses by epoch, how far it has come, and how fast it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.lanes import IDLE

Logs = dict[str, float]
"""The losses of an epoch: `loss`, and `val_loss` if there is validation."""


@dataclass
class History:
    """The losses of each epoch, and the epoch (counted from 0) whose weights the network was left with.

    `epochs_per_pass` epochs make a pass: one where an epoch plays the whole training split, else as many as there are
    series. Passes are compared by the mean of their epochs' validation losses; `best_epoch` is the last epoch of the
    best pass. `pace` is the speed since training last started; it is written to no file.
    """

    epochs: list[Logs] = field(default_factory=list)
    best_epoch: int = 0
    epochs_per_pass: int = 1
    pace: Pace | None = field(default=None, compare=False)

    @property
    def stale(self) -> int:
        """The number of passes since the best one."""
        return max(0, len(self.epochs) - 1 - self.best_epoch) // self.epochs_per_pass

    def unfinished(self, passes: int) -> bool:
        """Whether all `passes` were trained and the last one was still the best on validation."""
        complete = len(self.epochs) == passes * self.epochs_per_pass and passes > 1
        is_last = self.best_epoch == len(self.epochs) - 1
        return complete and is_last and self._validation_loss(passes - 1) is not None

    def add(self, logs: Logs) -> bool:
        """Append an epoch; return whether it ends the best pass so far (the last one, if there is no validation)."""
        self.epochs.append(logs)
        passes, rest = divmod(len(self.epochs), self.epochs_per_pass)
        if rest:
            return False
        losses = [self._validation_loss(number) for number in range(passes)]
        best = losses[-1] is None or losses[-1] <= min(loss for loss in losses if loss is not None)
        if best:
            self.best_epoch = len(self.epochs) - 1
        return best

    def _validation_loss(self, number: int) -> float | None:
        """The mean validation loss of a pass, counted from 0; None if none of its epochs has one."""
        epochs = self.epochs[number * self.epochs_per_pass : (number + 1) * self.epochs_per_pass]
        losses = [logs["val_loss"] for logs in epochs if "val_loss" in logs]
        return sum(losses) / len(losses) if losses else None


@dataclass
class Cursor:
    """How far a training has come: its next batch is `batch` of epoch `epoch`, both counted from 0.

    `total` and `weight` are the sums of weighted losses and of weights over the epoch's batches so far; `best` the
    trained weights of the best pass, None before the first one ends.
    """

    epoch: int = 0
    batch: int = 0
    total: float = 0.0
    weight: float = 0.0
    history: History = field(default_factory=History)
    best: list[Any] | None = None

    def begin_next_epoch(self) -> None:
        """Move to the first batch of the next epoch."""
        self.epoch, self.batch, self.total, self.weight = self.epoch + 1, 0, 0.0, 0.0


class Pace:
    """The speed of a training of `total` batches, of which `done` were played before it started."""

    def __init__(self, total: int, done: int = 0) -> None:
        self.total = total
        self._before = self._done = done
        self._waited, self._steps, self._spent = 0.0, 0, 0.0

    def time_batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; measures the wait for each one, and counts what the caller does with it as work."""
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.perf_counter() - asked
            yield batch
            self._spent += time.perf_counter() - asked
            self._steps += int((batch.identity[:, 0] != IDLE).sum()) * batch.inputs.shape[1]
            self._done += 1

    @property
    def steps_per_second(self) -> float:
        """Steps trained on per second, without validation; 0 before the first batch."""
        return self._steps / self._spent if self._spent else 0.0

    @property
    def stall_share(self) -> float:
        """The share of the time spent waiting for a batch."""
        return self._waited / self._spent if self._spent else 0.0

    def note(self) -> str:
        """Both figures and the time left, as text."""
        played = self._done - self._before
        if not played:
            return "no batch played yet"
        left = (self.total - self._done) * self._spent / played
        rest = f", at most {_duration_text(left)} left" if round(left) else ""
        return f"{self.steps_per_second:,.0f} steps/s, {self.stall_share:.0%} waiting for data{rest}"


def _duration_text(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 5400 else f"{whole / 3600:.1f} h"
