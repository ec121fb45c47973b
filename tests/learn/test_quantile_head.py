"""Quantiles: in order whatever the weights, the middle one the point forecast, learned by the pinball loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.modes import training_data
from hindcast.pipeline.learn.network import make_networks
from hindcast.pipeline.learn.saving import save_network
from tests.examples import examples
from tests.feed.memory import some_scaling
from tests.learn.networks import (
    FEATURES,
    arrays,
    batch_source_of,
    small_layers,
    small_learner,
    small_settings,
    small_source,
    small_twin,
)

THREE = (0.1, 0.5, 0.9)


def some_inputs(scale: float = 3.0, rows: int = 2, steps: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "inputs": random.normal(1, scale, (rows, steps, FEATURES)).astype(np.float32),
        "series": np.zeros((rows, steps), np.int32),
    }


@examples(6)
@given(st.integers(0, 4), st.floats(0.01, 50), st.integers(0, 99))
def test_quantiles_never_cross_whatever_the_weights(middle: int, spread: float, seed: int) -> None:
    levels = tuple(0.5 + 0.1 * (place - middle) for place in range(5))  # the middle one is the nearest to 0.5
    layers = small_layers(quantiles=levels, scaling=some_scaling(targets=2))
    random = np.random.default_rng(seed)
    for name, layer in layers.items():
        if name == "head" or name.startswith("width"):
            layer.set_weights([random.normal(0, spread, weight.shape) for weight in layer.get_weights()])
    networks = make_networks(layers, FEATURES)
    for network in (networks.learner, networks.twin):
        found = arrays([network(some_inputs())])[0]
        assert found.shape == (2, 5, 2, 5)
        assert (np.diff(found, axis=-1) >= 0).all()
        assert np.ptp(found) > 0


def test_the_middle_quantile_is_what_a_network_without_quantiles_gives(tmp_path: Path) -> None:
    plain, fan = small_layers(), small_layers(quantiles=THREE)
    for name in ("recurrent_0", "head"):
        fan[name].set_weights(plain[name].get_weights())
    network = make_networks(fan, FEATURES).twin
    found = network.predict_on_batch(some_inputs())
    wanted = make_networks(plain, FEATURES).twin.predict_on_batch(some_inputs())
    assert found[..., 1] == pytest.approx(wanted, rel=1e-6)
    save_network(tmp_path / "model.keras", network)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    assert (
        loaded.predict_on_batch(some_inputs(rows=1, steps=9))
        == network.predict_on_batch(some_inputs(rows=1, steps=9))
    ).all()


def test_a_published_forecast_moves_every_quantile_of_a_residual_network() -> None:
    network = small_twin(quantiles=THREE, residual=True)
    there = np.ones((2, 5, 1), np.float32)
    low, high = (
        network.predict_on_batch({**some_inputs(), "published": value * there, "has_published": there})
        for value in (4, 7)
    )
    assert high - low == pytest.approx(np.full((2, 5, 1, 3), 3.0), abs=1e-5)


@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_training_brings_the_quantiles_to_their_shares(mode: str) -> None:
    source = small_source()
    source.arrays["Y"][:] = np.random.default_rng(4).normal(5, 2, source.arrays["Y"].shape)
    config = small_settings(
        mode=mode, loss="pinball", quantiles=THREE, epochs=25, learning_rate=0.03, units=[1]
    )
    learner = small_learner(quantiles=THREE, units=(1,), identity="none")
    batch_source = batch_source_of(source)
    fit(
        training_data(
            BatchSource(source, batch_source.scaling, batch_source.series), learner, config, seed=1
        ),
        config,
    )
    values = learner.predict_on_batch(
        {"inputs": source.arrays["X"][:9].reshape(1, -1, FEATURES), "series": np.zeros((1, 36), np.int32)}
    )
    wanted = batch_source.scaling.scaled_targets(
        source.arrays["Y"][:9].reshape(1, 36, 1), np.zeros(1, np.int32)
    )
    below = (wanted[..., None] < values).mean(axis=(0, 1, 2))
    assert below[0] < 0.35 < below[1] < 0.7 < below[2]


def test_the_point_forecast_is_the_quantile_nearest_to_the_median() -> None:
    for quantiles, middle in (
        ((0.1, 0.5, 0.9), 1),
        ((0.05, 0.4, 0.7, 0.95), 1),
        ((0.4, 0.6), 0),
        ((0.9,), 0),
    ):
        assert small_settings(loss="pinball", quantiles=quantiles).middle == middle
