"""Which calls of a network let one row affect others, or one step others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers, ops

from hindcast.pipeline.learn.custom.leak_probe import LayerProbe, Leakage


def network_of(body: Callable[[Any], Any]) -> Any:
    inputs = {
        "inputs": keras.Input((None, 3), name="inputs"),
        "series": keras.Input((None,), dtype="int32", name="series"),
    }
    return keras.Model(inputs, layers.Dense(1, name="output")(body(inputs["inputs"])))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (layers.Dense(4, activation="tanh", name="body"), Leakage()),
        (layers.Conv1D(2, 3, padding="causal", name="past"), Leakage(steps=("layer 'past' (Conv1D)",))),
        (
            layers.Conv1D(2, 3, padding="same", name="both"),
            Leakage((), ("layer 'both' (Conv1D)",), ahead=True),
        ),
        (layers.LSTM(4, return_sequences=True, name="state"), Leakage()),
    ],
    ids=["dense", "causal", "both ways", "recurrent"],
)
def test_a_call_is_named_by_what_it_lets_through(body: Any, wanted: Leakage) -> None:
    probe = LayerProbe(network_of(body), stateless=True)
    assert probe.find_leakage(steps=11, series=2, draw=0) == wanted


def test_with_their_state_recurrent_layers_pass_values_to_later_steps_only() -> None:
    network = network_of(layers.LSTM(4, return_sequences=True, name="recurrent"))
    found = LayerProbe(network, stateless=False).find_leakage(steps=11, series=2, draw=0)
    assert found == Leakage(steps=("layer 'recurrent' (LSTM)",))


def test_a_mean_over_rows_lets_rows_affect_each_other() -> None:
    network = network_of(lambda flow: flow - ops.mean(flow, axis=0, keepdims=True))
    found = LayerProbe(network, stateless=True).find_leakage(steps=11, series=2, draw=0)
    assert len(found.rows) == 1
    assert "(Subtract)" in found.rows[0] or "(Mean)" in found.rows[0]
    assert not found.steps


def test_noise_in_training_does_not_mix_rows_but_statistics_of_the_batch_do() -> None:
    assert LayerProbe(network_of(layers.Dropout(0.5)), stateless=True).rows_in_training(11, 2) == ()
    normed = LayerProbe(network_of(layers.BatchNormalization(name="normed")), stateless=True)
    assert normed.rows_in_training(11, 2) == ("layer 'normed' (BatchNormalization)",)
