"""Samples held in memory are found again, wherever they stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.held import Held, found

holders = st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=4)


def held_of(numbers: set[int]) -> Held:
    samples = np.array(sorted(numbers), np.int64)
    return Held(samples, {"X": np.stack([samples, samples + 100], axis=1).astype(np.float32)})


@given(holders, st.data())
def test_samples_come_in_the_order_asked_for_whoever_holds_them(
    sets: list[set[int]], data: st.DataObject
) -> None:
    there = sorted(set.union(*sets))
    asked = data.draw(st.lists(st.sampled_from(there))) if there else []
    read = found([held_of(numbers) for numbers in sets], np.array(asked, np.int64)).read("X")
    assert read.dtype == np.float32
    assert read.tolist() == [[sample, sample + 100] for sample in asked]


@given(holders, st.integers(0, 31))
def test_a_sample_that_nobody_holds_is_named(sets: list[set[int]], wanted: int) -> None:
    held = [held_of(numbers - {wanted}) for numbers in sets]
    with pytest.raises(KeyError, match=f"sample {wanted}$|sample {wanted}'"):
        found(held, np.array([wanted], np.int64))
