"""How a training went, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hindcast.pipeline.learn.pace import Pace

Logs = dict[str, float]


@dataclass
class History:
    """The losses of each epoch, and the epoch (counted from 0) whose weights the network was left with.

    `fits` epochs make a pass: one where an epoch plays all of training, else as many as there are series. Passes
    are compared by the mean of their epochs' validation losses; `best_epoch` is the last epoch of the best pass.
    `pace` tells how fast it went since it was last begun; it stands in no file.
    """

    epochs: list[Logs] = field(default_factory=list)
    best_epoch: int = 0
    fits: int = 1
    pace: Pace | None = field(default=None, compare=False)

    @property
    def stale(self) -> int:
        """How many passes have gone by since the best one."""
        return max(0, len(self.epochs) - 1 - self.best_epoch) // self.fits

    def unfinished(self, passes: int) -> bool:
        """Whether all `passes` were trained and the last one was still the best on validation."""
        whole = len(self.epochs) == passes * self.fits and passes > 1
        return whole and self.best_epoch == len(self.epochs) - 1 and self._validated(passes - 1) is not None

    def add(self, logs: Logs) -> bool:
        """Append an epoch; say whether it ends the best pass so far (the last one, where there is no validation)."""
        self.epochs.append(logs)
        passes, rest = divmod(len(self.epochs), self.fits)
        if rest:
            return False
        losses = [self._validated(number) for number in range(passes)]
        best = losses[-1] is None or losses[-1] <= min(loss for loss in losses if loss is not None)
        if best:
            self.best_epoch = len(self.epochs) - 1
        return best

    def _validated(self, number: int) -> float | None:
        epochs = self.epochs[number * self.fits : (number + 1) * self.fits]
        losses = [logs["val_loss"] for logs in epochs if "val_loss" in logs]
        return sum(losses) / len(losses) if losses else None


@dataclass
class Place:
    """Where training stands: about to play batch `batch` of epoch `epoch`, both counted from 0.

    `total` and `weight` are the sums of weighted losses and of weights over the epoch's batches played so far;
    `best` the trained weights of the best pass, None before the first one ends.
    """

    epoch: int = 0
    batch: int = 0
    total: float = 0.0
    weight: float = 0.0
    history: History = field(default_factory=History)
    best: list[Any] | None = None

    def begin_next_epoch(self) -> None:
        """Stand at the first batch of the epoch after this one."""
        self.epoch, self.batch, self.total, self.weight = self.epoch + 1, 0, 0.0, 0.0
