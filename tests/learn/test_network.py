"""The stateless twin: physical units in and out, missing values at the mean, loadable with Keras alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest

from hindcast.pipeline.learn.network import CELLS, first_layer_input, make_networks
from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.settings.train import MOST_ONE_HOT, TrainSettings
from tests.feed.memory import some_scaling
from tests.learn.networks import FEATURES, arrays, small_layers, small_twin


def some_inputs(rows: int = 2, steps: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "inputs": random.normal(1, 3, (rows, steps, FEATURES)).astype(np.float32),
        "series": np.tile(np.arange(rows, dtype=np.int32)[:, None] % 3, steps),
    }


def test_inputs_are_scaled_and_a_missing_value_becomes_the_mean() -> None:
    layers = small_layers(masks=(2, -1, -1), identity="none")
    inputs = np.array([[[0.0, 4.0, 1.0], [7.0, 4.0, 0.0]]], np.float32)
    scaled = arrays([first_layer_input(layers, {"inputs": inputs})])[0]
    scaling = some_scaling()
    wanted = (inputs - scaling.feature_mean) / scaling.feature_std
    assert scaled[0, 1] == pytest.approx(wanted[0, 1])
    assert scaled[0, 0] == pytest.approx([0, *wanted[0, 0, 1:]])


@pytest.mark.parametrize(("identity", "width"), [("one_hot", 2), ("embedding", 4), ("none", 0)])
def test_a_series_is_known_by_its_number_and_an_unseen_one_is_neutral(identity: str, width: int) -> None:
    layers = small_layers(identity=identity, embedding_size=4)
    series = np.array([[0, 1, 2]], np.int32)
    seen = arrays(
        [first_layer_input(layers, {"inputs": np.zeros((1, 3, FEATURES), np.float32), "series": series})]
    )[0][0, :, FEATURES:]
    assert seen.shape == (3, width)
    assert not seen[0].any()
    if identity == "one_hot":
        assert seen[1:].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("series", "width"), [(MOST_ONE_HOT, MOST_ONE_HOT), (MOST_ONE_HOT + 1, 4), (20_000, 4)]
)
def test_many_series_are_known_by_an_embedding_without_a_setting(series: int, width: int) -> None:
    layers = small_layers(series=series, embedding_size=4)
    numbers = np.array([[0, 1, series]], np.int32)
    inputs = {"inputs": np.zeros((1, 3, FEATURES), np.float32), "series": numbers}
    assert arrays([first_layer_input(layers, inputs)])[0].shape == (1, 3, FEATURES + width)
    assert layers["identity"].name == "identity"
    assert layers["identity"].input_dim == series + 1
    assert layers["identity"].trainable == (series > MOST_ONE_HOT)


def test_large_values_keep_their_small_differences() -> None:
    layers = small_layers(identity="none")
    layers["centre"] = keras.layers.Rescaling(1.0, offset=[-2e6] * FEATURES)
    layers["shrink"] = keras.layers.Rescaling([100.0] * FEATURES)
    inputs = np.full((1, 1, FEATURES), 2e6 + 0.25, np.float32)
    assert arrays([first_layer_input(layers, {"inputs": inputs})])[0] == pytest.approx(
        np.full((1, 1, FEATURES), 25.0)
    )


def with_published(rows: int = 2, steps: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(1)
    there = (random.random((rows, steps, 1)) < 0.5).astype(np.float32)
    published = random.normal(5, 2, (rows, steps, 1)).astype(np.float32) * there
    return {**some_inputs(rows, steps), "published": published, "has_published": there}


def test_a_residual_network_begins_as_the_published_forecast_and_as_the_mean_where_there_is_none() -> None:
    inputs = with_published()
    published = inputs["has_published"] == 1
    assert 0 < published.sum() < published.size
    found = small_twin(residual=True).predict_on_batch(inputs)
    assert found[published] == pytest.approx(inputs["published"][published], rel=1e-6)
    assert found[~published] == pytest.approx(some_scaling().target_mean[0], rel=1e-6)


def test_a_residual_network_adds_what_it_learned_and_sees_where_a_forecast_is_missing(tmp_path: Path) -> None:
    layers, inputs = small_layers(residual=True), with_published()
    layers["head"].set_weights([np.full((5, 1), 0.5, np.float32), np.full(1, 0.1, np.float32)])
    twin = make_networks(layers, FEATURES).twin
    found = twin.predict_on_batch(inputs)
    shifted = {**inputs, "published": inputs["published"] + 3 * inputs["has_published"]}
    moved = twin.predict_on_batch(shifted) - found
    assert moved == pytest.approx(3 * inputs["has_published"], abs=1e-5), "the correction depends on X alone"
    without = {**inputs, "published": 0 * inputs["published"], "has_published": 0 * inputs["has_published"]}
    assert twin.predict_on_batch(without)[:, 0] != pytest.approx(found[:, 0])
    save_network(tmp_path / "model.keras", twin)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    assert (loaded.predict_on_batch(inputs) == found).all()


@pytest.mark.parametrize("changes", [{}, {"members": 2}, {"quantiles": (0.1, 0.5, 0.9)}])
def test_a_residual_network_of_shares_adds_a_share_of_the_capacity_to_the_published_forecast(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    scaling = replace(some_scaling(), capacity=(0,))
    layers, inputs = small_layers(residual=True, scaling=scaling, **changes), with_published()
    random = np.random.default_rng(3)
    inputs["inputs"][..., 0] = random.uniform(-5, 50, inputs["inputs"].shape[:2])
    for name in (name for name in layers if name == "head" or name.startswith("head_of_")):
        layers[name].set_weights([np.zeros((5, 1), np.float32), np.full(1, 0.1, np.float32)])
    networks = make_networks(layers, FEATURES)
    found = networks.twin.predict_on_batch(inputs)
    found = found[..., 1] if "quantiles" in changes else found
    size = np.maximum(inputs["inputs"][..., :1], 0)
    learned = size * 0.1 * scaling.target_std
    due = (
        np.where(inputs["has_published"] == 1, inputs["published"] * (size > 0), size * scaling.target_mean)
        + learned
    )
    assert (size == 0).any()
    assert found == pytest.approx(due, rel=1e-4, abs=1e-4)
    if not changes:
        scaled = networks.learner.predict_on_batch(inputs)
        targets = np.broadcast_to(due, scaled.shape).astype(np.float32)
        numbers = np.zeros(len(targets), np.int32)
        counts = size[..., 0] > 0
        assert scaled[counts] == pytest.approx(
            scaling.scaled_targets(targets, numbers, size)[counts], abs=1e-4
        )
    save_network(tmp_path / "model.keras", networks.twin)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    found = networks.twin.predict_on_batch(inputs)
    assert (loaded.predict_on_batch(inputs) == found).all()
    again = make_networks(layers, FEATURES).twin
    assert again.to_json() == networks.twin.to_json(), "names do not depend on what was built before"


def test_dropout_leaves_out_in_training_and_nothing_in_the_twin() -> None:
    plain = small_twin(units=(5, 4))
    with_dropout = small_twin(dropout=0.5, units=(5, 4))
    with_dropout.set_weights(plain.get_weights())
    inputs = some_inputs()
    assert (plain.predict_on_batch(inputs) == with_dropout.predict_on_batch(inputs)).all()
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}
    once, twice = arrays([with_dropout(tensors, training=True), with_dropout(tensors, training=True)])
    assert (once != twice).any()


def test_members_learn_alone_and_their_mean_is_the_forecast(tmp_path: Path) -> None:
    networks = make_networks(small_layers(members=3, dropout=0.2, scaling=some_scaling(targets=2)), FEATURES)
    inputs = some_inputs()
    each = networks.learner.predict_on_batch(inputs)
    assert each.shape == (2, 5, 2, 3)
    assert (each[..., 0] != each[..., 1]).any()
    scaling = some_scaling(targets=2)
    mean = networks.twin.predict_on_batch(inputs)
    assert mean == pytest.approx(each.mean(axis=-1) * scaling.target_std + scaling.target_mean, rel=1e-5)
    save_network(tmp_path / "model.keras", networks.twin)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    assert (loaded.predict_on_batch(inputs) == mean).all()


def test_every_cell_of_the_settings_has_its_layer() -> None:
    assert tuple(CELLS) == get_args(TrainSettings.model_fields["cell"].annotation)
