"""Losses: the weighted mean over every target alone, over quantiles and over members."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.learn.losses import WeightedMean, elementwise
from hindcast.pipeline.learn.modes import make_evaluation_pass
from hindcast.pipeline.learn.network import make_networks
from tests.learn.networks import (
    FEATURES,
    arrays,
    batch_source_of,
    small_layers,
    small_learner,
    small_settings,
    small_source,
)

NAMES = ("mae", "mse", "huber")


THREE = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_the_weighted_mean_over_every_target_alone(name: str) -> None:
    random = np.random.default_rng(0)
    target, value = random.normal(0, 2, (2, 3, 4, 2)).astype(np.float32)
    weight = random.integers(0, 3, (3, 4, 2)).astype(np.float32)
    error = np.abs(value - target)
    wanted = {"mae": error, "mse": error**2, "huber": np.where(error <= 1, error**2 / 2, error - 0.5)}[name]
    assert arrays([elementwise(small_settings(loss=name))(target, value)])[0] == pytest.approx(
        wanted, rel=1e-6
    )
    found = float(WeightedMean(small_settings(loss=name))(target, value, weight))
    assert found == pytest.approx((wanted * weight).sum() / weight.sum(), rel=1e-6)
    assert float(WeightedMean(small_settings(loss=name))(target, value, 0 * weight)) == 0


def test_the_validation_loss_is_the_mean_over_all_weighted_targets_not_over_batches() -> None:
    config = small_settings(lanes=2)
    play = make_evaluation_pass(batch_source_of(small_source()), small_learner(), config, "validation")
    total = weight = 0.0
    for batch, outputs in play.play():
        total += float((np.abs(batch.targets - outputs) * batch.weights).sum())
        weight += float(batch.weights.sum())
    assert play.loss(config) == pytest.approx(total / weight, rel=1e-6)


def test_pinball_is_the_mean_over_quantiles_of_the_weighted_distance() -> None:
    config = small_settings(loss="pinball", quantiles=THREE)
    random = np.random.default_rng(0)
    target = random.normal(0, 2, (3, 4, 2)).astype(np.float32)
    value = random.normal(0, 2, (3, 4, 2, 3)).astype(np.float32)
    weight = random.integers(0, 3, target.shape).astype(np.float32)
    wanted = np.zeros_like(target)
    for place in np.ndindex(*target.shape):
        errors = [target[place] - value[*place, number] for number in range(3)]
        wanted[place] = np.mean([q * e if e > 0 else (q - 1) * e for q, e in zip(THREE, errors, strict=True)])
    assert arrays([elementwise(config)(target, value)])[0] == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    found = float(WeightedMean(config)(target, value, weight))
    assert found == pytest.approx((wanted * weight).sum() / weight.sum(), rel=1e-5)


def some_inputs(rows: int = 2, steps: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "inputs": random.normal(1, 3, (rows, steps, FEATURES)).astype(np.float32),
        "series": np.tile(np.arange(rows, dtype=np.int32)[:, None] % 3, steps),
    }


def test_a_member_learns_what_it_learns_alone() -> None:
    """The loss is the mean over members, so each one's gradient is its own, divided by their number."""
    alone, two = small_layers(), small_layers(members=2)
    for name in ("recurrent_0", "head"):
        two[name].set_weights(alone[name].get_weights())
    inputs = some_inputs()
    targets, weights = np.ones((2, 5, 1), np.float32), np.ones((2, 5, 1), np.float32)
    for layers, members, rate in ((alone, 1, 0.1), (two, 2, 0.2)):
        learner = make_networks(layers, FEATURES).learner
        loss = WeightedMean(small_settings(members=members, loss="mse"))
        learner.compile(keras.optimizers.SGD(rate), loss, run_eagerly=True)
        learner.train_on_batch(inputs, targets, weights)
    for name in ("recurrent_0", "head"):
        for found, wanted in zip(two[name].get_weights(), alone[name].get_weights(), strict=True):
            assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)
