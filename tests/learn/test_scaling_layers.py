"""Scaling inside the network: unscale_outputs units in and out, by the row of each series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.feed.scaling import Scaling

ROWS, FEATURES, TARGETS = 4, 3, 2


def scaling(*, of_features: bool, of_targets: bool) -> Scaling:
    random = np.random.default_rng(0)

    def drawn(columns: int, *, table: bool, offset: float) -> np.ndarray:
        return random.uniform(0.5, 3, (ROWS, columns) if table else columns) + offset

    return Scaling(
        drawn(FEATURES, table=of_features, offset=1e3),
        drawn(FEATURES, table=of_features, offset=0),
        drawn(TARGETS, table=of_targets, offset=-50),
        drawn(TARGETS, table=of_targets, offset=0),
        groups=("g",) if of_features or of_targets else (),
    )


def row(table: np.ndarray, series: np.ndarray) -> np.ndarray:
    return table[series] if table.ndim == 2 else table


def network(made: Scaling, quantiles: int = 0) -> tuple[Any, Any]:
    """(scaled features and published forecast, physical outputs) of the inputs."""
    import keras

    from hindcast.pipeline.learn.scaling_layers import (
        scale_inputs,
        scale_layers,
        target_count,
        unscale_outputs,
    )

    layers = scale_layers(made, residual=True)
    assert target_count(layers) == TARGETS
    inputs = {
        "inputs": keras.Input((None, FEATURES), name="inputs"),
        "series": keras.Input((None,), dtype="int32", name="series"),
        "published": keras.Input((None, TARGETS), name="published"),
    }
    outputs = keras.Input((None, *([quantiles] if quantiles else []), TARGETS), name="outputs")
    inward = keras.Model(inputs, [scale_inputs(layers, inputs), scale_inputs(layers, inputs, "base_")])
    outward = keras.Model([inputs["series"], outputs], unscale_outputs(layers, inputs, outputs))
    return inward, outward


CASES = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(("of_features", "of_targets"), CASES)
@pytest.mark.parametrize("quantiles", [0, 3])
def test_layers_scale_as_arithmetic_does_series_by_series(
    of_features: bool, of_targets: bool, quantiles: int
) -> None:
    made = scaling(of_features=of_features, of_targets=of_targets)
    inward, outward = network(made, quantiles)
    random = np.random.default_rng(1)
    series = random.integers(0, ROWS, (5, 7)).astype(np.int32)
    features = random.normal(1e3, 2, (5, 7, FEATURES)).astype(np.float32)
    published = random.normal(-50, 2, (5, 7, TARGETS)).astype(np.float32)
    found = inward.predict_on_batch({"inputs": features, "series": series, "published": published})
    expected = (features - row(made.feature_mean, series)) / row(made.feature_std, series)
    np.testing.assert_allclose(found[0], expected, atol=2e-3)  # float32 keeps 6e-5 of a thousand
    expected = (published - row(made.target_mean, series)) / row(made.target_std, series)
    np.testing.assert_allclose(found[1], expected, atol=1e-4)
    shape = (5, 7, quantiles, TARGETS) if quantiles else (5, 7, TARGETS)
    outputs = random.normal(0, 1, shape).astype(np.float32)
    mean, std = row(made.target_mean, series), row(made.target_std, series)
    if quantiles and of_targets:
        mean, std = mean[:, :, None], std[:, :, None]
    arguments = [series, outputs] if len(outward.inputs) == 2 else outputs
    np.testing.assert_allclose(outward.predict_on_batch(arguments), outputs * std + mean, atol=1e-4)


def test_scales_are_not_trained() -> None:
    inward, outward = network(scaling(of_features=True, of_targets=True))
    assert inward.trainable_weights == outward.trainable_weights == []


@pytest.mark.parametrize("of_targets", [False, True])
@pytest.mark.parametrize("quantiles", [0, 3])
@pytest.mark.parametrize("capacity", [(2, -1), (0, 0)])
def test_outputs_are_multiplied_by_the_capacity_among_the_inputs(
    of_targets: bool, quantiles: int, capacity: tuple[int, ...], tmp_path: Path
) -> None:
    import keras

    from hindcast.pipeline.learn.scaling_layers import scale_layers, unscale_outputs

    made = replace(scaling(of_features=False, of_targets=of_targets), capacity=capacity)
    layers = scale_layers(made, residual=False)
    inputs = {
        "inputs": keras.Input((None, FEATURES), name="inputs"),
        "series": keras.Input((None,), dtype="int32", name="series"),
    }
    outputs = keras.Input((None, *([quantiles] if quantiles else []), TARGETS), name="outputs")
    model = keras.Model({**inputs, "outputs": outputs}, unscale_outputs(layers, inputs, outputs))
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    random = np.random.default_rng(2)
    series = random.integers(0, ROWS, (5, 7)).astype(np.int32)
    features = random.normal(10, 20, (5, 7, FEATURES)).astype(np.float32)
    assert (features < 0).any()
    scaled = random.normal(0, 1, (5, 7, *([quantiles] if quantiles else []), TARGETS)).astype(np.float32)
    found = model.predict_on_batch({"inputs": features, "series": series, "outputs": scaled})
    mean, std = (row(table, series) for table in (made.target_mean, made.target_std))
    sizes = np.stack([features[..., place] if place >= 0 else np.ones((5, 7)) for place in capacity], axis=-1)
    sizes = np.maximum(sizes, 0)
    if quantiles:
        sizes = sizes[:, :, None]
        mean, std = (table[:, :, None] if of_targets else table for table in (mean, std))
    np.testing.assert_allclose(found, sizes * (scaled * std + mean), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("of_features", "of_targets"), CASES)
def test_layers_with_other_scales_are_named(of_features: bool, of_targets: bool) -> None:
    from hindcast.pipeline.learn.scaling_layers import differing_scales

    made = scaling(of_features=of_features, of_targets=of_targets)
    played = SimpleNamespace(layers=[layer for each in network(made) for layer in each.layers])
    assert differing_scales(played, made, residual=True) == (6 if of_targets else 5, [])
    mean = made.feature_mean.copy()
    mean[..., -1] *= 1.001
    _, named = differing_scales(played, replace(made, feature_mean=mean), residual=True)
    assert named == ["feature_means" if of_features else "centre"]
    _, named = differing_scales(played, replace(made, target_std=made.target_std * 2), residual=True)
    assert set(named) == ({"target_spreads", "base_shares"} if of_targets else {"unscale", "base_shrink"})
