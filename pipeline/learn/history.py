"""How a training went, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Logs = dict[str, float]


@dataclass
class History:
    """The losses of each epoch, and the epoch (counted from 0) whose weights the network was left with."""

    epochs: list[Logs] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def stale(self) -> int:
        """How many epochs have gone by since the best one."""
        return len(self.epochs) - 1 - self.best_epoch

    def unfinished(self, epochs: int) -> bool:
        """Whether all `epochs` were trained and the last one was still the best on validation."""
        return len(self.epochs) == epochs > 1 and self.stale == 0 and "val_loss" in self.epochs[-1]

    def add(self, logs: Logs) -> bool:
        """Append an epoch; say whether it is the best so far (the last one, where there is no validation)."""
        self.epochs.append(logs)
        best = "val_loss" not in logs or logs["val_loss"] <= min(each["val_loss"] for each in self.epochs)
        if best:
            self.best_epoch = len(self.epochs) - 1
        return best


@dataclass
class Place:
    """Where training stands: about to play batch `batch` of epoch `epoch`, both counted from 0.

    `total` and `weight` are the sums of weighted losses and of weights over the epoch's batches played so far;
    `best` the trained weights of the best epoch, None before the first one ends.
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
