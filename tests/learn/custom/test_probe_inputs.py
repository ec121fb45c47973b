"""Synthetic inputs and weights: around 0 once scaled, the same at every draw, and restored afterwards."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.learn.custom.probe_inputs import (
    ROWS,
    draw_weights,
    restored_state,
    run_network,
    synthetic_inputs,
)
from hindcast.pipeline.learn.network import make_layers, make_networks
from hindcast.pipeline.settings.train import TrainSettings
from tests.feed.memory import some_scaling
from tests.learn.custom.test_build import numpy_state
from tests.learn.networks import FEATURES, arrays


def learner_of(**changes: Any) -> Any:
    layers = make_layers(some_scaling(), (-1, -1, 1), 2, TrainSettings(units=(3,), **changes))
    return make_networks(layers, FEATURES).learner


def test_synthetic_inputs_are_around_0_once_scaled_whatever_the_scales_are() -> None:
    network = learner_of(residual=True)
    inputs = synthetic_inputs(network, 500, series=2)
    assert {name: values.shape for name, values in inputs.items()} == {
        "inputs": (ROWS, 500, FEATURES), "series": (ROWS, 500),
        "published": (ROWS, 500, 1), "has_published": (ROWS, 500, 1),
    }  # fmt: skip
    assert {*inputs["inputs"][..., 1].ravel()} == {0.0, 1.0}, "the mask of the third feature"
    assert sorted(inputs["series"][:, 0]) == [0, 1, 2]
    scaled = keras.Model(
        network.input, [network.get_layer(name).output for name in ("masked", "base_shrink")]
    )
    features, base = run_network(scaled, inputs)
    for values in (features[..., 0], base):
        assert abs(values.mean()) < 0.2
        assert values.std() == pytest.approx(1, abs=0.2)


def test_draws_repeat_obey_constraints_and_are_undone() -> None:
    network = learner_of()
    head = network.get_layer("head")
    head.kernel.constraint = keras.constraints.NonNeg()
    before, python, legacy = arrays(network.variables), random.getstate(), numpy_state()
    with restored_state(network):
        draw_weights(network, 1)
        first = arrays(network.trainable_weights)
        assert (arrays([head.kernel])[0] >= 0).all()
        random.random()
        np.random.rand()  # noqa: NPY002
    assert all((a == b).all() for a, b in zip(arrays(network.variables), before, strict=True))
    assert random.getstate() == python
    assert numpy_state() == legacy
    with restored_state(network):
        draw_weights(network, 1)
        assert all((a == b).all() for a, b in zip(arrays(network.trainable_weights), first, strict=True))
    assert all((a != b).any() for a, b in zip(first, arrays(network.trainable_weights), strict=True))
