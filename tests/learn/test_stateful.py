"""Carried state: many lanes give what one lane gives, a lane is reset alone, dummies count for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.lanes import IDLE
from hindcast.pipeline.learn import stateful as carried_module
from hindcast.pipeline.learn.losses import WeightedMean, inputs_for
from hindcast.pipeline.learn.modes import make_evaluation_pass, training_data
from hindcast.pipeline.learn.network import CELLS, first_layer_input, make_networks
from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.learn.stateful import carry, check_state_is_carried, make_online
from tests.examples import examples
from tests.learn.networks import (
    FEATURES,
    arrays,
    batch_source_of,
    small_layers,
    small_learner,
    small_settings,
    small_source,
    small_twin,
    trainable,
)


def numbers_in(lanes: int, steps: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "inputs": random.normal(1, 3, (lanes, steps, FEATURES)).astype(np.float32),
        "series": random.integers(0, 3, (lanes, 1)).astype(np.int32).repeat(steps, axis=1),
    }


def kept(*flags: int) -> np.ndarray:
    return np.array(flags, np.float32)[:, None]


@pytest.mark.parametrize("cell", CELLS)
def test_chunks_played_one_after_another_equal_the_twin_on_the_whole(cell: str) -> None:
    layers = small_layers(cell=cell, units=(5, 4))
    whole = numbers_in(2, 12)
    wanted = make_networks(layers, FEATURES).twin.predict_on_batch(whole)
    network = carry(make_networks(layers, FEATURES).twin, 2)
    for start in range(0, 12, 4):
        chunk = {name: values[:, start : start + 4] for name, values in whole.items()}
        found = network.predict_on_batch({**chunk, "keep": kept(start > 0, start > 0)})
        assert found == pytest.approx(wanted[:, start : start + 4], rel=1e-6)


def test_the_keep_flag_resets_exactly_one_lane() -> None:
    layers = small_layers()
    network = carry(make_networks(layers, FEATURES).twin, 3)
    first, second = numbers_in(3, 4, 1), numbers_in(3, 4, 2)
    network.predict_on_batch({**first, "keep": kept(0, 0, 0)})
    found = network.predict_on_batch({**second, "keep": kept(1, 0, 1)})
    twin = make_networks(layers, FEATURES).twin
    whole = {name: np.concatenate([first[name], second[name]], axis=1) for name in first}
    assert found[[0, 2]] == pytest.approx(twin.predict_on_batch(whole)[[0, 2], 4:], rel=1e-6)
    assert found[1] == pytest.approx(twin.predict_on_batch(second)[1], rel=1e-6)


def outputs_by_step(lanes: int, split: str) -> dict[tuple[int, int], Any]:
    """The prediction of every weighted (sample, step), from that many lanes."""
    play = make_evaluation_pass(
        batch_source_of(small_source()), small_twin(), small_settings(lanes=lanes), split
    )
    found = {}
    for batch, outputs in play.play():
        for row, step in np.argwhere(batch.weights.any(axis=2)):
            found[int(batch.identity[row, 1]), int(step)] = outputs[row, step]
    return found


def test_a_residual_network_plays_lanes_as_its_twin_plays_the_whole() -> None:
    layers = small_layers(residual=True, dropout=0.5)
    layers["head"].set_weights([np.full((5, 1), 0.5, np.float32), np.full(1, 0.1, np.float32)])
    there = np.random.default_rng(3).integers(0, 2, (2, 8, 1)).astype(np.float32)
    whole = {**numbers_in(2, 8), "published": 7 * there, "has_published": there}
    wanted = make_networks(layers, FEATURES).twin.predict_on_batch(whole)
    network = carry(make_networks(layers, FEATURES).twin, 2)
    for start in (0, 4):
        chunk = {name: values[:, start : start + 4] for name, values in whole.items()}
        found = network.predict_on_batch({**chunk, "keep": kept(start > 0, start > 0)})
        assert found == pytest.approx(wanted[:, start : start + 4], rel=1e-6)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_packed_lanes_predict_what_each_series_alone_predicts(split: str) -> None:
    alone, packed = outputs_by_step(1, split), outputs_by_step(3, split)
    assert alone.keys() == packed.keys()
    assert len(alone) > 10
    assert all(packed[key] == pytest.approx(alone[key], rel=1e-6) for key in alone)


def by_hand(layers: dict[str, Any], batch_source: Any) -> Any:
    """Keras's own stateful layer, one series at a time, over layers of the same first weights."""
    inputs = keras.Input(batch_shape=(1, 4, FEATURES), name="inputs")
    series = keras.Input(batch_shape=(1, 4), dtype="int32", name="series")
    stateful = keras.layers.LSTM(5, return_sequences=True, stateful=True)
    flow = stateful(first_layer_input(layers, {"inputs": inputs, "series": series}))
    network = keras.Model({"inputs": inputs, "series": series}, layers["head"](flow))
    stateful.set_weights(layers["recurrent_0"].get_weights())
    return network, stateful


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Keras's own stateful layer does not train on torch and JAX",
)
def test_one_lane_learns_step_by_step_what_a_plain_stateful_layer_learns() -> None:
    batch_source = batch_source_of(small_source())
    config = small_settings(lanes=1)
    ours, theirs = small_layers(), small_layers()
    training = training_data(batch_source, make_networks(ours, FEATURES).learner, config, seed=3)
    reference, stateful = by_hand(theirs, batch_source)
    for network in (training.network, reference):
        network.compile(
            keras.optimizers.SGD(0.1), WeightedMean(small_settings(loss="mse")), jit_compile=False
        )
    batches = training.epoch(0)
    for number in range(len(batches)):
        batch = batches[number]
        if not batch.keep.all():
            stateful.reset_state()
        losses = [
            network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
            for network in (training.network, reference)
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    mine = [*ours["recurrent_0"].get_weights(), *ours["head"].get_weights()]
    other = [*stateful.get_weights(), *theirs["head"].get_weights()]
    for found, wanted in zip(mine, other, strict=True):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def one_step(dummies: list[int], batch: Any) -> tuple[float, list[Any]]:
    """Loss and weights after one step on a batch with idle rows put in at these places."""
    filled = {}
    for name in ("inputs", "series", "keep", "targets", "weights"):
        values = getattr(batch, name)
        rest = np.full_like(values[:1], 2 if name == "inputs" else 0)
        filled[name] = np.insert(values, dummies, rest, axis=0) if dummies else values
    layers = small_layers()
    network = carry(make_networks(layers, FEATURES).learner, len(filled["keep"]))
    network.compile(keras.optimizers.SGD(0.5), WeightedMean(small_settings()), run_eagerly=True)
    targets, weights = filled.pop("targets"), filled.pop("weights")
    return float(network.train_on_batch(filled, targets, weights)), trainable(network)


@examples(8)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_any_number_of_dummies_changes_neither_loss_nor_gradient(places: list[int]) -> None:
    batch = training_data(batch_source_of(small_source()), small_learner(), small_settings(), seed=0).epoch(
        0
    )[0]
    loss, weights = one_step([], batch)
    with_dummies, weights_with = one_step(sorted(places), batch)
    assert with_dummies == pytest.approx(loss, rel=1e-6)
    for found, wanted in zip(weights_with, weights, strict=True):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_idle_lanes_stay_finite_and_leave_no_trace() -> None:
    play = make_evaluation_pass(
        batch_source_of(small_source()), small_twin(), small_settings(lanes=3), "test"
    )
    for batch, outputs in play.play():
        assert np.isfinite(outputs).all()
        assert not batch.weights[batch.identity[:, 1] == IDLE].any()


def test_playing_validation_leaves_the_training_state_alone() -> None:
    batch_source, learner, config = batch_source_of(small_source()), small_learner(), small_settings()
    training = training_data(batch_source, learner, config, seed=0)
    batch = training.epoch(0)[0]
    training.network.train_on_batch(inputs_for(training.network, batch), batch.targets, batch.weights)
    before = arrays(training.network.non_trainable_weights)
    assert training.validate is not None
    assert training.validate(0) == training.validate(0), "each pass starts from the same context"
    after = arrays(training.network.non_trainable_weights)
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    assert any(np.any(weight) for weight in before), "else there is no state to leave alone"


def test_a_framework_that_drops_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_state_is_carried()

    def forgetful(self: Any, inputs: Any, keep: Any) -> Any:
        return self.recurrent(inputs)[0]

    monkeypatch.setattr(carried_module.CarriedRecurrent, "call", forgetful)
    with pytest.raises(TrainingError, match="does not carry recurrent state"):
        check_state_is_carried()


@pytest.mark.parametrize(
    "changes",
    [{}, {"cell": "gru", "units": (5, 4), "dropout": 0.3}, {"quantiles": (0.1, 0.5, 0.9)}],
    ids=["lstm", "two gru", "quantiles"],
)
def test_steps_one_by_one_give_what_the_whole_gives(changes: dict[str, Any], tmp_path: Path) -> None:
    twin = small_twin(**changes)
    save_network(tmp_path / "online.keras", make_online(twin))
    online = keras.models.load_model(tmp_path / "online.keras", custom_objects={}, safe_mode=True)
    random = np.random.default_rng(0)
    whole = {
        "inputs": random.normal(1, 3, (1, 12, FEATURES)).astype(np.float32),
        "series": np.ones((1, 12), np.int32),
    }
    wanted = twin.predict_on_batch(whole)

    def played(parts: list[slice]) -> Any:
        # called, not `predict`ed: on JAX, Keras's `predict` does not keep the state of plain layers
        outputs = [online({name: value[:, part] for name, value in whole.items()}) for part in parts]
        return np.concatenate(arrays(outputs), axis=1)

    for parts in ([slice(step, step + 1) for step in range(12)], [slice(0, 5), slice(5, 12)]):
        assert played(parts) == pytest.approx(wanted, rel=1e-5, abs=1e-6)
        for layer in online.layers:
            if isinstance(layer, keras.layers.RNN):
                layer.reset_state()
