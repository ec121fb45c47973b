"""Fitting: the best weights are kept; broken order and diverging losses stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import ContinuityError, TrainingError
from hindcast.pipeline.learn.fitting import TrainingData, fit
from hindcast.pipeline.learn.losses import inputs_for, shares
from hindcast.pipeline.learn.modes import training_data
from tests.learn.networks import (
    batch_source_of,
    small_learner,
    small_settings,
    small_source,
    trainable,
)


def training_of(mode: str = "stateful", **changes: Any) -> tuple[TrainingData, Any]:
    config = small_settings(mode=mode, **changes)
    return training_data(batch_source_of(small_source()), small_learner(), config, seed=1), config


@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_the_loss_falls_in_training_and_validation_is_measured(mode: str) -> None:
    training, config = training_of(mode, epochs=6)
    history = fit(training, config)
    assert len(history.epochs) == 6
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]
    assert all(np.isfinite(logs["val_loss"]) for logs in history.epochs)


def test_the_same_training_gives_the_same_bits() -> None:
    weights = []
    for _ in range(2):
        training, config = training_of(epochs=2)
        fit(training, config)
        weights.append(trainable(training.network))
    assert all((a == b).all() for a, b in zip(*weights, strict=True))


class Notes:
    """A callback that keeps the weights of every epoch."""

    def __init__(self) -> None:
        self.weights: list[list[Any]] = []
        self.before: list[dict[str, float]] = []

    def begin(self, epochs: Sequence[dict[str, float]]) -> None:
        self.before = list(epochs)

    def end_epoch(self, epoch: int, logs: dict[str, float], network: Any) -> None:
        self.weights.append(trainable(network))


def test_training_stops_when_validation_no_longer_improves_and_keeps_the_best_weights() -> None:
    training, config = training_of(epochs=9, patience=2)
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.1])
    notes = Notes()
    history = fit(replace(training, validate=lambda _: next(losses)), config, [notes])
    assert [logs["val_loss"] for logs in history.epochs] == [3.0, 1.0, 2.0, 1.5]
    assert history.best_epoch == 1
    kept = trainable(training.network)
    assert all((a == b).all() for a, b in zip(kept, notes.weights[1], strict=True))
    assert any((a != b).any() for a, b in zip(kept, notes.weights[3], strict=True))


def test_without_validation_the_last_weights_stay() -> None:
    training, config = training_of(epochs=2)
    history = fit(replace(training, validate=None), config)
    assert history.best_epoch == 1
    assert "val_loss" not in history.epochs[0]


class Backwards:
    """Batches in the wrong order."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Any:
        return self.batches[len(self.batches) - 1 - number]


def test_batches_out_of_order_stop_training_before_the_network_sees_them() -> None:
    training, config = training_of()
    before = trainable(training.network)
    with pytest.raises(ContinuityError, match=r"lane \d: expected .*, found sample \d+ of series 's\d'"):
        fit(replace(training, epoch=lambda number: Backwards(training.epoch(number))), config)
    assert all((a == b).all() for a, b in zip(before, trainable(training.network), strict=True))


class Poisoned:
    """Batches of which one holds targets of NaN."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Any:
        batch = self.batches[number]
        return replace(batch, targets=batch.targets * np.nan) if number == 2 else batch


def test_a_loss_that_is_not_finite_names_epoch_batch_and_remedy() -> None:
    training, config = training_of()
    with pytest.raises(TrainingError, match=r"in epoch 1, batch 3 of \d+.*Lower train.learning_rate"):
        fit(replace(training, epoch=lambda number: Poisoned(training.epoch(number))), config)


def test_targets_without_weight_are_refused() -> None:
    source = small_source()
    source.arrays["W"][:] = 0
    config = small_settings()
    with pytest.raises(TrainingError, match="nothing to learn from"):
        fit(training_data(batch_source_of(source), small_learner(), config, seed=1), config)


def test_a_cosine_schedule_ends_at_no_learning_rate() -> None:
    training, config = training_of(schedule="cosine", epochs=2)
    rates = []

    class Rates(Notes):
        def end_epoch(self, epoch: int, logs: dict[str, float], network: Any) -> None:
            rates.append(float(network.optimizer.learning_rate))

    fit(training, config, [Rates()])
    assert rates == pytest.approx([config.learning_rate / 2, 0], abs=1e-9)


def test_a_plateau_schedule_halves_the_rate_after_passes_without_a_better_one() -> None:
    training, config = training_of(schedule="plateau", plateau=2, epochs=8)
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.5, 1.0, 1.0, 1.0])
    rates = []

    class Rates(Notes):
        def end_epoch(self, epoch: int, logs: dict[str, float], network: Any) -> None:
            rates.append(float(network.optimizer.learning_rate) / config.learning_rate)

    fit(replace(training, validate=lambda _: next(losses)), config, [Rates()])
    assert rates == pytest.approx([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25])


def test_in_one_pass_over_series_the_rate_is_lowered_only_at_its_end() -> None:
    training, config = training_of("per_series", schedule="plateau", plateau=1, epochs=3)
    per_pass = training.epochs_per_pass
    assert per_pass > 1
    rates = []

    class Rates(Notes):
        def end_epoch(self, epoch: int, logs: dict[str, float], network: Any) -> None:
            rates.append(float(network.optimizer.learning_rate) / config.learning_rate)

    fit(replace(training, validate=float), config, [Rates()])
    ends = [1.0] * per_pass + [1.0] * (per_pass - 1) + [0.5] * per_pass + [0.25]
    assert rates == pytest.approx(ends)


def test_a_batch_of_values_that_count_little_changes_the_network_little() -> None:
    import keras

    moved = []
    for until in (0.0, 12.0):  # half lives before the end
        training, config = training_of(half_life="3h", epochs=1)
        network, batch = training.network, training.epoch(0)[0]
        network.compile(optimizer=keras.optimizers.SGD(0.01), loss=network.loss, jit_compile=False)
        before = trainable(network)
        weights = (batch.weights > 0) * np.float32(2**-until)
        network.train_on_batch(inputs_for(network, batch), batch.targets, shares(weights, config))
        after = trainable(network)
        moved.append(sum(float(np.abs(a - b).sum()) for a, b in zip(before, after, strict=True)))
    assert 0 < moved[1] < moved[0] / 1000


def test_a_moving_mean_of_the_weights_is_validated_and_kept_while_training_continues_with_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training, config = training_of(epochs=2, average=0.7)
    own, seen = [], []
    real = training.network.train_on_batch

    def noted(*args: Any) -> Any:
        loss = real(*args)
        own.append(trainable(training.network))
        return loss

    def validate(epoch: int) -> float:
        seen.append(trainable(training.network))
        return 1.0 / len(seen)

    monkeypatch.setattr(training.network, "train_on_batch", noted)
    fit(replace(training, validate=validate), config)
    mean = own[0]
    for weights in own[1:]:
        mean = [np.float32(0.7) * a + np.float32(0.3) * b for a, b in zip(mean, weights, strict=True)]
    for found, wanted, kept in zip(seen[1], mean, trainable(training.network), strict=True):
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        assert (kept == found).all()
    plain, config = training_of(epochs=2)
    fit(replace(plain, validate=None), config)
    assert all((a == b).all() for a, b in zip(own[-1], trainable(plain.network), strict=True))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_states_and_losses_stay_whole(precision: str) -> None:
    wanted = fit(*training_of(epochs=2))
    config = small_settings(precision=precision, epochs=2, average=0.9)
    learner = small_learner(precision=precision)
    training = training_data(batch_source_of(small_source()), learner, config, seed=1)
    history = fit(training, config)
    assert {weight.dtype for weight in training.network.variables if weight.name.startswith("state_")} == {
        "float32"
    }
    assert {layer.compute_dtype for layer in learner.layers if "recurrent" in layer.name} == {precision[6:]}
    assert history.epochs[0]["loss"] == pytest.approx(wanted.epochs[0]["loss"], rel=0.05)
    assert history.epochs[0]["loss"] != wanted.epochs[0]["loss"]
    assert np.isfinite(history.epochs[-1]["val_loss"])
