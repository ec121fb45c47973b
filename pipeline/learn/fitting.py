"""Fitting: epochs over batches, the loss on validation after each, stopping early with the best weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from pipeline.errors import TrainingError
from pipeline.feed.ahead import Numbered, read_ahead
from pipeline.feed.batches import Batch
from pipeline.feed.guard import ContinuityGuard
from pipeline.learn.losses import WeightedMean
from pipeline.learn.playing import inputs_for
from pipeline.progress import progress
from pipeline.settings.sections import TrainSettings

Logs = dict[str, float]


class Watcher(Protocol):
    """Whoever wants to see a training go on."""

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Called after each epoch, counted from 0, with its losses."""


@dataclass(frozen=True)
class Lesson:
    """What a network is trained on.

    `epoch(number)` makes the batches of an epoch; `guard()` a guard for their order, if state is carried;
    `validate()` the loss on validation, None where there is no validation.
    """

    network: Any
    epoch: Callable[[int], Numbered[Batch]]
    guard: Callable[[], ContinuityGuard | None]
    validate: Callable[[], float] | None


@dataclass
class History:
    """The losses of each epoch, and the epoch (counted from 0) whose weights the network was left with."""

    epochs: list[Logs] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def stale(self) -> int:
        """How many epochs have gone by since the best one."""
        return len(self.epochs) - 1 - self.best_epoch


def prepare(network: Any, settings: TrainSettings) -> None:
    """Give a network its optimiser and loss."""
    network.compile(
        optimizer=keras.optimizers.Adam(
            settings.learning_rate, clipnorm=None, global_clipnorm=settings.clip_norm
        ),
        loss=WeightedMean(settings.loss),
        jit_compile=False,  # XLA compiles a loop over steps for seconds and gains nothing on a CPU
    )


def fit(lesson: Lesson, settings: TrainSettings, watchers: Sequence[Watcher] = ()) -> History:
    """Train until the epochs are over or validation has not improved for `patience` epochs.

    The network is left with the weights of the epoch that was best on validation, of the last one where there is
    no validation. TrainingError if a loss is no number.

    The loop is ours, not `Model.fit`: batches are played exactly once and in order, the guard sees each one just
    before the network does, and a batch is a place at which training can be taken up again.
    """
    history, best = History(), None
    total = settings.epochs * len(lesson.epoch(0))
    with progress("train", total, "batches") as advance:
        for epoch in range(settings.epochs):
            logs = {"loss": _play_epoch(lesson, epoch, settings, advance)}
            if lesson.validate is not None:
                logs["val_loss"] = _finite(
                    lesson.validate(), f"on validation after epoch {epoch + 1}", settings
                )
            history.epochs.append(logs)
            if "val_loss" not in logs or logs["val_loss"] <= min(each["val_loss"] for each in history.epochs):
                history.best_epoch, best = epoch, _weights(lesson.network)
            for watcher in watchers:
                watcher.epoch_ended(epoch, logs, lesson.network)
            if settings.patience is not None and history.stale >= settings.patience:
                break
    _restore(lesson.network, best)
    return history


def _play_epoch(lesson: Lesson, epoch: int, settings: TrainSettings, advance: Callable[[int], None]) -> float:
    batches, guard = lesson.epoch(epoch), lesson.guard()
    total = weight = 0.0
    for number, batch in enumerate(read_ahead(batches)):
        if guard is not None:
            guard.check(batch.identity, batch.keep)
        loss = lesson.network.train_on_batch(inputs_for(lesson.network, batch), batch.targets, batch.weights)
        mass = float(batch.weights.sum(dtype=np.float64))
        total += mass * _finite(
            float(loss), f"in epoch {epoch + 1}, batch {number + 1} of {len(batches)}", settings
        )
        weight += mass
        advance(1)
    if not weight:
        raise TrainingError(
            "There is nothing to learn from: no training step has a target of weight above 0."
        )
    return total / weight


def _finite(loss: float, where: str, settings: TrainSettings) -> float:
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss is no number ({loss}) {where}: training has run away. Lower train.learning_rate (now "
            f"{settings.learning_rate:g}), set train.clip_norm (now {settings.clip_norm}), or look for outliers in the inputs."
        )
    return loss


def _weights(network: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(weight).copy() for weight in network.trainable_weights]


def _restore(network: Any, weights: list[Any] | None) -> None:
    for weight, value in zip(network.trainable_weights, weights or [], strict=bool(weights)):
        weight.assign(value)
