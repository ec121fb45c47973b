"""Fitting: epochs over batches, the loss on validation after each, stopping early with the best weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.guard import ContinuityGuard
from hindcast.pipeline.feed.prefetch import Numbered, read_ahead
from hindcast.pipeline.learn.checkpoints import Checkpoints
from hindcast.pipeline.learn.history import Cursor, History, Logs, Pace
from hindcast.pipeline.learn.losses import WeightedMean, inputs_for
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.train import TrainSettings


class TrainingCallback(Protocol):
    """Whoever wants to see a training go on."""

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Called before the first batch; `epochs` are those before a checkpoint at which training goes on."""

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Called after each epoch, counted from 0, with its losses."""


@dataclass(frozen=True)
class TrainingData:
    """What a network is trained on.

    `epoch(number)` makes the batches of an epoch; `guard()` a guard for their order, if state is carried;
    `validate(number)` the loss on validation after that epoch, None where there is no validation. Where an epoch is
    one series, `series_order` are the numbers of the series in the order of their series_order; else empty.
    """

    network: Any
    epoch: Callable[[int], Numbered[Batch]]
    guard: Callable[[], ContinuityGuard | None]
    validate: Callable[[int], float | None] | None
    series_order: tuple[int, ...] = ()

    @property
    def epochs_per_pass(self) -> int:
        """How many epochs make a pass over all of training."""
        return max(1, len(self.series_order))

    @property
    def batches(self) -> int:
        """The batches of a pass."""
        return sum(len(self.epoch(number)) for number in range(self.epochs_per_pass))


def prepare(network: Any, settings: TrainSettings, batches: int) -> None:
    """Give a network its optimiser and loss; `batches` is the number of batches over all epochs."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, max(1, batches))
    optimizer = keras.optimizers.Adam(
        rate,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.average is not None,
        ema_momentum=settings.average or 0.99,
    )
    if settings.precision == "mixed_float16":  # the small gradients of half precision would round to 0
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    network.compile(
        optimizer=optimizer,
        loss=WeightedMean(settings),
        # XLA compiles a loop over steps for seconds and gains nothing on a CPU; JAX has nothing else to compile with
        jit_compile=keras.backend.backend() == "jax",
    )


def fit(
    training: TrainingData,
    settings: TrainSettings,
    callbacks: Sequence[TrainingCallback] = (),
    checkpoints: Checkpoints | None = None,
) -> History:
    """Train until the epochs are over or validation has not improved for `patience` epochs.

    The network is left with the weights of the epoch that was best on validation, of the last one where there is
    no validation. TrainingError if a loss is no number. With `checkpoints`, training goes on where the last one
    stands, and ends with the same bits as if it had never stopped.

    The loop is ours, not `Model.fit`: batches are played exactly once and in order, the guard sees each one just
    before the network does, and a batch is a place at which training can be taken up again.
    """
    place = checkpoints.resume(training.network) if checkpoints is not None else None
    place = place or Cursor()
    place.history.epochs_per_pass = training.epochs_per_pass
    for callback in callbacks:
        callback.begin(place.history.epochs)
    batches = training.batches
    done = place.epoch // training.epochs_per_pass * batches + place.batch
    done += sum(len(training.epoch(number)) for number in range(place.epoch % training.epochs_per_pass))
    pace = Pace(settings.epochs * batches, done)
    with progress("train", pace.total, "batches", pace.note) as advance:
        advance(done)
        while not _over(place, training, settings):
            for _ in _play_epoch(training, place, settings, pace):
                advance(1)
                if checkpoints is not None:
                    checkpoints.played(training.network, place)
            _end_epoch(training, place, settings, callbacks)
    _restore(training.network, place.best)
    place.history.pace = pace
    return place.history


def _over(place: Cursor, training: TrainingData, settings: TrainSettings) -> bool:
    stopped = settings.patience is not None and place.history.stale >= settings.patience
    return stopped or place.epoch >= settings.epochs * training.epochs_per_pass


def _play_epoch(training: TrainingData, place: Cursor, settings: TrainSettings, pace: Pace) -> Iterator[None]:
    """Play the batches of the epoch that are still to be played, and note each in `place`."""
    batches, guard = training.epoch(place.epoch), training.guard()
    if guard is not None and place.batch:
        guard.begin_after(batches[place.batch - 1].identity)
    for batch in pace.timed(read_ahead(batches, first=place.batch)):
        if guard is not None:
            guard.check(batch.identity, batch.keep)
        loss = training.network.train_on_batch(
            inputs_for(training.network, batch), batch.targets, batch.weights
        )
        mass = float(batch.weights.sum(dtype=np.float64))
        where = f"in epoch {place.epoch + 1}, batch {place.batch + 1} of {len(batches)}"
        place.total += mass * _finite(float(loss), where, settings)
        place.weight += mass
        place.batch += 1
        yield


def _end_epoch(
    training: TrainingData, place: Cursor, settings: TrainSettings, callbacks: Sequence[TrainingCallback]
) -> None:
    if not place.weight:
        raise TrainingError(
            "There is nothing to learn from: no training step has a target of weight above 0."
        )
    logs = {"loss": place.total / place.weight}
    with averaged(training.network):
        validated = None if training.validate is None else training.validate(place.epoch)
        if validated is not None:
            where = f"on validation after epoch {place.epoch + 1}"
            logs["val_loss"] = _finite(validated, where, settings)
        if place.history.add(logs):
            place.best = _weights(training.network)
    for callback in callbacks:
        callback.end_epoch(place.epoch, logs, training.network)
    place.begin_next_epoch()


def _finite(loss: float, where: str, settings: TrainSettings) -> float:
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss is no number ({loss}) {where}: training has run away. Lower train.learning_rate (now "
            f"{settings.learning_rate:g}), set train.clip_norm (now {settings.clip_norm}), or look for outliers in the inputs."
        )
    return loss


@contextmanager
def averaged(network: Any) -> Iterator[None]:
    """Give the network the moving means of its weights, if its optimiser keeps any, and its own weights back at the end."""
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not optimizer.use_ema:
        yield
        return
    own = _weights(network)
    # Keras has no public way to read the means; `finalize_variable_values` only puts them in the weights' place
    optimizer.finalize_variable_values(network.trainable_variables)
    _restore(network, _weights(network))  # copies: on JAX a step gives away what two variables share
    yield
    _restore(network, own)


def _weights(network: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(weight).copy() for weight in network.trainable_weights]


def _restore(network: Any, weights: list[Any] | None) -> None:
    for weight, value in zip(network.trainable_weights, weights or [], strict=bool(weights)):
        weight.assign(value)
