"""What Keras alone cannot load is refused before a network is trained."""

from __future__ import annotations

import re
from typing import Any

import keras
import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn.custom.save_load import check_round_trip
from hindcast.pipeline.learn.stateful import make_online
from tests.learn.custom.test_build import built
from tests.learn.networks import arrays


def test_each_custom_part_is_reported_with_its_layer_and_setting() -> None:
    with pytest.raises(TrainingError, match="breaks the contract") as error:
        built("own_parts")
    wanted = [
        r"'first' \(Dense\) cannot be loaded by Keras alone, .*: activation \(a lambda\) is not Keras's own",
        r"'second' \(LSTM\) .*: recurrent_activation \(the function twice_tanh\) is not",
        r"'third' \(TimeDistributed\) .*: layer.kernel_regularizer \(Small of tests.learn.custom_parts\) is not",
        r"'fourth' .*: kernel_initializer \(Tenths of .*\), bias_constraint \(Whole of .*\) is not .* Use what",
    ]
    assert len(error.value.faults) == len(wanted)
    for fault, pattern in zip(error.value.faults, wanted, strict=True):
        assert re.search(pattern, fault), fault
    assert "mine>Small" in keras.saving.get_custom_objects(), "what the user registered stays registered"


def test_a_form_that_loads_with_other_outputs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = built("two_branches").twin
    before = arrays(twin.variables)
    assert check_round_trip(twin, online=True, series=2) == []

    def forgetting(twin: Any) -> Any:
        online = make_online(twin)
        online.layers[-1].scale = 2.0  # of the layer that gives the outputs in physical units
        return online

    monkeypatch.setattr("hindcast.pipeline.learn.custom.save_load.make_online", forgetting)
    (fault,) = check_round_trip(twin, online=True, series=2)
    assert re.search(
        "models/online.keras, saved and loaded by Keras alone, gives other outputs .*they differ by", fault
    )
    assert all((a == b).all() for a, b in zip(arrays(twin.variables), before, strict=True))
