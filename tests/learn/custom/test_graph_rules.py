"""Faults that the graph of a custom network shows: its outputs, names, layers and how they are called."""

from __future__ import annotations

import re

import pytest

from hindcast.pipeline.errors import TrainingError
from tests.learn.custom.test_build import built


@pytest.mark.parametrize(
    ("function", "faults"),
    [
        ("unrolled", [r"layer 'long' \(LSTM\) is unrolled, .*remove unroll"]),
        ("whole_numbers", ["outputs: expected floating-point numbers, found int32"]),
        (
            "one_name_twice",
            [
                r"names: 2 layers \(Dense, Dense\) are named 'mine': give each",
                r"names: a layer \(LSTM\) is named 'scaled_outputs', which is the name of .* around",
            ],
        ),
        (
            "table_too_small",
            [r"'who' \(Embedding\) has 2 rows, but series indices are 0 \(never seen\) to 2: write"],
        ),
        ("initial_state", [r"'begun' \(LSTM\) is called with initial_state, .*\(Concatenate\)"]),
        (
            "called_by_name",
            [r"'by_name' \(LSTM\) is called with its inputs by keyword: pass them as the first"],
        ),
        ("masked_steps", [r"'masking_some' \(Masking\) masks steps, .*have weight 0"]),
        ("called_twice", [r"'twice' \(LSTM\) is called 2 times, .*a layer for each call"]),
    ],
)
def test_a_fault_of_the_graph_is_reported_with_the_layer_and_the_remedy(
    function: str, faults: list[str]
) -> None:
    with pytest.raises(TrainingError, match="breaks the contract") as error:
        built(function)
    assert len(error.value.faults) == len(faults)
    for fault, wanted in zip(sorted(error.value.faults), faults, strict=True):
        assert re.search(wanted, fault), fault
