"""Running a network on synthetic numbers shows what weights of 0 would hide."""

from __future__ import annotations

import re

import pytest

from hindcast.pipeline.errors import TrainingError
from tests.learn.custom.test_build import built


def faults_of(function: str, quantiles: tuple[float, ...] = (), *, stateful: bool = True) -> tuple[str, ...]:
    with pytest.raises(TrainingError, match="breaks the contract") as error:
        built(function, quantiles=quantiles, stateful=stateful)
    return error.value.faults


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        ("hidden_convolution", r"statefulness: .* in layer 'wide' \(Conv1D\) .*, and later steps are used"),
        ("hidden_sum", r"statefulness: .*\(Cumsum\) is not recurrent state: use LSTM"),
        ("hidden_flip", r"statefulness: .*\(Flip\)"),
        ("hidden_lag", r"statefulness: .*\(Cropping1D\)|statefulness: .*\(ZeroPadding1D\)"),
        ("hidden_behind_steps", r"statefulness: .*\(Roll\)"),
        ("hidden_mean", r"rows: .*, through operation '\S+ \(Multiply\): do not combine values along axis 0"),
        ("of_its_number", "rows: the outputs of a row change by .* when other rows are left out"),
        ("nothing_to_train", "weights: there are none to train"),
    ],
)
def test_what_weights_of_zero_hide_is_found(function: str, fault: str) -> None:
    (found,) = faults_of(function)
    assert re.search(fault, found), found


def test_a_row_must_not_affect_others_without_state_either() -> None:
    assert faults_of("hidden_mean", stateful=False)[0].startswith("rows: ")


def test_quantiles_that_can_cross_are_refused_with_two_remedies() -> None:
    (found,) = faults_of("crossing", (0.1, 0.5, 0.9))
    assert re.search(
        r"quantiles: outputs must ascend .*\[0.1, 0.5, 0.9\].* below .*spec.ascending.*keras.ops.sort", found
    )
