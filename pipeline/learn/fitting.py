"""Fitting: epochs over batches, the validation loss after each, early stopping with the best weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.lanes import ContinuityGuard
from hindcast.pipeline.feed.prefetch import Numbered, read_ahead
from hindcast.pipeline.learn.checkpoints import Checkpoints
from hindcast.pipeline.learn.history import Cursor, History, Logs, Pace
from hindcast.pipeline.learn.losses import WeightedMean, inputs_for, mass_of, shares
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.train import TrainSettings


class TrainingCallback(Protocol):
    """What is called while a network trains."""

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Called before the first batch; `epochs` are those before the checkpoint from which training resumes."""

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Called after each epoch, counted from 0, with its losses."""


@dataclass(frozen=True)
class TrainingData:
    """What a network is trained on.

    `epoch(number)` makes the batches of an epoch; `guard()` a guard for their order, if state is carried;
    `validate(number)` the validation loss after that epoch, None if there is no validation. Where an epoch is one
    series, `series_order` are the numbers of the series in the order of training; else it is empty.
    """

    network: Any
    epoch: Callable[[int], Numbered[Batch]]
    guard: Callable[[], ContinuityGuard | None]
    validate: Callable[[int], float | None] | None
    series_order: tuple[int, ...] = ()

    @property
    def epochs_per_pass(self) -> int:
        """How many epochs make a pass over the whole training split."""
        return max(1, len(self.series_order))

    @property
    def batches(self) -> int:
        """The number of batches of a pass."""
        return sum(len(self.epoch(number)) for number in range(self.epochs_per_pass))


def compile_network(network: Any, settings: TrainSettings, batches: int) -> None:
    """Give a network its optimizer and loss; `batches` is the number of batches over all epochs."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, max(1, batches))
    optimizer = keras.optimizers.Adam(
        rate,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.average is not None,
        ema_momentum=settings.average or 0.99,
    )
    if settings.precision == "mixed_float16":  # half precision would round small gradients to 0
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    network.compile(
        optimizer=optimizer,
        loss=WeightedMean(settings),
        # XLA compiles a loop over steps for seconds and gains nothing on a CPU; JAX has no other compiler
        jit_compile=keras.backend.backend() == "jax",
    )


def fit(
    training: TrainingData,
    settings: TrainSettings,
    callbacks: Sequence[TrainingCallback] = (),
    checkpoints: Checkpoints | None = None,
    passes: int | None = None,
) -> History:
    """Train until the epochs are over or validation has not improved for `patience` passes.

    The network is left with the weights of the pass that was best on validation, or of the last one if there is no
    validation. With `passes`, it ends after that many instead; the schedule of the learning rate stays that of `epochs`. TrainingError if a
    loss is not finite. With `checkpoints`, training resumes from the last one and ends with the same bits as if it had never stopped.

    The loop is ours, not `Model.fit`: batches are played exactly once and in order, the guard sees each one just
    before the network does, and training can resume at any batch.
    """
    cursor = checkpoints.resume(training.network) if checkpoints is not None else None
    cursor = cursor or Cursor()
    cursor.history.epochs_per_pass = training.epochs_per_pass
    for callback in callbacks:
        callback.begin(cursor.history.epochs)
    batches = training.batches
    done = cursor.epoch // training.epochs_per_pass * batches + cursor.batch
    done += sum(len(training.epoch(number)) for number in range(cursor.epoch % training.epochs_per_pass))
    most = settings.epochs if passes is None else passes
    pace = Pace(most * batches, done)
    last, patience = most * training.epochs_per_pass, settings.patience or math.inf
    with progress("train", pace.total, "batch", pace.note) as advance:
        advance(done)
        while cursor.epoch < last and cursor.history.stale < patience:
            for _ in play_epoch(training, cursor, settings, pace):
                advance(1)
                if checkpoints is not None:
                    checkpoints.count_batch(training.network, cursor)
            _end_epoch(training, cursor, settings, callbacks)
    _set_weights(training.network, cursor.best)
    cursor.history.pace = pace
    return cursor.history


@contextmanager
def averaged(network: Any) -> Iterator[None]:
    """Give the network the moving means of its weights, if its optimizer keeps any, and its own weights back at the end."""
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not optimizer.use_ema:
        yield
        return
    own = _copy_weights(network)
    # Keras has no public way to read the means; `finalize_variable_values` only puts them in the weights' place
    optimizer.finalize_variable_values(network.trainable_variables)
    _set_weights(network, _copy_weights(network))  # copies: a step on JAX donates what two variables share
    yield
    _set_weights(network, own)


def play_epoch(training: TrainingData, cursor: Cursor, settings: TrainSettings, pace: Pace) -> Iterator[None]:
    """Train on the epoch's remaining batches, one for each item taken, and count each in `cursor`."""
    batches, guard = training.epoch(cursor.epoch), training.guard()
    if guard is not None and cursor.batch:
        guard.begin_after(batches[cursor.batch - 1].identity)
    for batch in pace.time_batches(read_ahead(batches, first=cursor.batch)):
        if guard is not None:
            guard.check(batch.identity, batch.keep)
        loss = training.network.train_on_batch(
            inputs_for(training.network, batch), batch.targets, shares(batch.weights, settings)
        )
        mass = mass_of(batch.weights, settings)
        where = f"in epoch {cursor.epoch + 1}, batch {cursor.batch + 1} of {len(batches)}"
        cursor.total += mass * _check_finite(float(loss), where, settings)
        cursor.weight += mass
        cursor.batch += 1
        yield


def _end_epoch(
    training: TrainingData, cursor: Cursor, settings: TrainSettings, callbacks: Sequence[TrainingCallback]
) -> None:
    if not cursor.weight:
        raise TrainingError(
            "There is nothing to learn from: no step of the training split has a target with a weight above 0."
        )
    logs = {"loss": cursor.total / cursor.weight}
    with averaged(training.network):
        validated = None if training.validate is None else training.validate(cursor.epoch)
        if validated is not None:
            where = f"on validation after epoch {cursor.epoch + 1}"
            logs["val_loss"] = _check_finite(validated, where, settings)
        if cursor.history.add(logs):
            cursor.best = _copy_weights(training.network)
    if settings.schedule == "plateau":
        _lower_rate(training, cursor.history, settings)
    for callback in callbacks:
        callback.end_epoch(cursor.epoch, logs, training.network)
    cursor.begin_next_epoch()


def _lower_rate(training: TrainingData, history: History, settings: TrainSettings) -> None:
    """Halve the learning rate after each `plateau` passes without a better one; a checkpoint holds it among the optimizer's variables."""
    whole = len(history.epochs) % training.epochs_per_pass == 0
    if whole and history.stale and history.stale % settings.plateau == 0:
        optimizer = training.network.optimizer
        optimizer.learning_rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate)) / 2


def _check_finite(loss: float, where: str, settings: TrainSettings) -> float:
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss is not finite ({loss}) {where}: training diverged. Lower train.learning_rate (now "
            f"{settings.learning_rate:g}), set train.clip_norm (now {settings.clip_norm}), or look for outliers in the inputs."
        )
    return loss


def _copy_weights(network: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(weight).copy() for weight in network.trainable_weights]


def _set_weights(network: Any, weights: list[Any] | None) -> None:
    for weight, value in zip(network.trainable_weights, weights or [], strict=bool(weights)):
        weight.assign(value)
