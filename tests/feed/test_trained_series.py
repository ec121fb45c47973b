"""The network learns the series with a training row; all others are unknown to it, whatever samples they have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import TARGET_UNUSABLE
from hindcast.pipeline.feed import trained_series as module
from hindcast.pipeline.feed.trained_series import trained_series, unknown_series_text
from tests.feed.memory import MemorySource, in_three_splits

STEPS = 40


def source_of(first_targets: list[int], segment_length: int = 4) -> MemorySource:
    """A series of 40 hours for each of these hours, whose targets are unknown before it; validation begins at hour 20, test at 30."""
    source = in_three_splits([(STEPS, 0)] * len(first_targets), [20, 30], segment_length)
    hours = np.arange(STEPS + -STEPS % segment_length).reshape(-1, segment_length, 1)
    known = [(hours >= first) & (hours < STEPS) for first in first_targets]
    source.arrays["W"] = np.concatenate(known).astype(np.float32)
    return source


@given(st.lists(st.integers(0, STEPS), min_size=1, max_size=6), st.integers(1, 9), st.integers(1, 5))
def test_series_are_learned_if_they_have_a_target_before_validation(
    first_targets: list[int], segment_length: int, block: int
) -> None:
    source = source_of(first_targets, segment_length)
    wanted = tuple(("g", f"s{number}") for number, first in enumerate(first_targets) if first < 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        patch.setattr(module, "_TRIES", (1, 2))
        assert trained_series(source) == wanted


def test_series_whose_training_targets_are_all_unusable_are_not_learned() -> None:
    source = source_of([0, 0])
    source.arrays["flagged"] = np.zeros(source.arrays["W"].shape, np.uint8)
    assert trained_series(source) == (("g", "s0"), ("g", "s1"))
    source.arrays["flagged"] = np.where(source.arrays["W"] > 0, TARGET_UNUSABLE, 0).astype(np.uint8)
    source.arrays["flagged"][: STEPS // 4] = 0
    assert trained_series(source) == (("g", "s0"),)


def test_series_without_a_capacity_in_training_are_not_learned() -> None:
    source = source_of([0, 0])
    source.arrays["X"] = np.abs(source.arrays["X"]) + 1
    source.arrays["X"][: STEPS // 4, :, 2] = 0
    assert trained_series(source, capacity=(2,)) == (("g", "s1"),)
    assert trained_series(source, capacity=(-1,)) == (("g", "s0"), ("g", "s1"))


def test_few_samples_are_read_of_series_whose_targets_begin_at_once() -> None:
    source = source_of([0] * 5, 1)
    trained_series(source)
    assert source.asked["W"] == 5


def test_the_series_that_are_not_learned_are_counted_and_named() -> None:
    source = source_of([0, 25, 30])
    assert unknown_series_text(source, trained_series(source)) == (
        "2 of 3 series without a training row, which the network treats as unknown series (identity 0): g/s1, g/s2"
    )
    assert not unknown_series_text(source_of([0]), (("g", "s0"),))
